# A simulated drive in KITTI's layout, LiDAR and the left color camera, cars
# (make one: sparse3d simulate kitti). Sampled objects are pasted into the images: after
# create_data.py kitti, run
#     sparse3d create-data crops kitti data/simulated_kitti
# Data elsewhere: SPARSE3D_SIMULATED_KITTI=/data/drive sparse3d train ...
data_root = '{{$SPARSE3D_SIMULATED_KITTI:data/simulated_kitti}}'
class_names = ['Car']
point_cloud_range = [0, -20, -3, 51.2, 20, 1]  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=True)

train_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadKittiImage'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/kitti_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(Car=15),
        use_ground_plane=True,
        paste_images=True),
    dict(
        type='AugmentScene',
        flip_horizontal=0.5,
        rotation=(-0.2, 0.2),
        scale=(0.95, 1.05)),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range),
    dict(type='PointShuffle'),
    dict(type='PackSample', keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadKittiImage'),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points', 'img']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='KittiDetectionDataset',
        data_root=data_root,
        ann_file='kitti_infos_train.pkl',
        data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'),
        pipeline=train_pipeline,
        modality=modality,
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KittiDetectionDataset',
        data_root=data_root,
        ann_file='kitti_infos_val.pkl',
        data_prefix=dict(pts='training/velodyne_reduced', img='training/image_2'),
        pipeline=test_pipeline,
        modality=modality,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KittiDetectionMetric', ann_file=data_root + '/kitti_infos_val.pkl')
test_evaluator = val_evaluator
