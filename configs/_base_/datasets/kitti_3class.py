# KITTI, LiDAR only, the three benchmark classes.
# Data elsewhere: --cfg-options data_root=/disk/kitti, or SPARSE3D_KITTI=/disk/kitti for all runs.
_base_ = []
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_KITTI:data/kitti}}'
class_names = grids.CAR_PEDESTRIAN_CYCLIST
point_cloud_range = grids.KITTI_RANGE  # meters: x, y, z from, x, y, z to
voxel_size = grids.KITTI_VOXEL                 # meters
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

train_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=data_root, info_path=data_root + '/kitti_dbinfos_train.pkl',
            min_points=dict(Car=5, Pedestrian=5, Cyclist=5)),
        classes=class_names,
        groups=dict(Car=15, Pedestrian=10, Cyclist=10),
        fill_up=False,  # so many are added, whatever is there
        use_ground_plane=True),
    dict(type='RandomFlip3D', sync_2d=False, flip_ratio_bev_horizontal=0.5),
    dict(
        type='GlobalRotScaleTrans',
        rot_range=[-0.78539816, 0.78539816],
        scale_ratio_range=[0.95, 1.05]),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ShufflePoints'),
    dict(type='Pack3DDetInputs', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='Pack3DDetInputs', keys=['points']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
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
