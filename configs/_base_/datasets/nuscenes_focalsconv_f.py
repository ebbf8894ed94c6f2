# nuScenes, LiDAR with nine earlier sweeps and six cameras at 2/3 scale, balanced classes, for
# Focals Conv-F (det3d counts the key frame: ten sweeps).
# Sampled objects are pasted into the images: after create_data.py nuscenes, run
#     sparse3d create-data crops nuscenes data/nuscenes
# Data elsewhere: --cfg-options data_root=/disk/nuscenes, or SPARSE3D_NUSCENES=/disk/nuscenes.
data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
class_names = [
    'car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle', 'bicycle',
    'pedestrian', 'traffic_cone'
]
point_cloud_range = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]  # meters: x, y, z from, x, y, z to
voxel_size = [0.075, 0.075, 0.2]  # meters
image_size = [600, 1066]  # height, width in pixels
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=True)
# Beside mmdet3d's own: what LoadMultiViewImages and the dataset say of a sample.
meta_keys = [
    'img_timestamp', 'image_valid', 'view_names', 'num_frames', 'timestamp', 'lidar2global',
    'token', 'scene_token', 'frame_idx'
]

load_points = dict(type='LoadSweepPoints', sweeps=9)  # x, y, z, intensity, age in seconds
shrink_images = dict(
    type='AugmentImages',
    size=image_size,
    training=False,
    interpolation='bilinear',
    published_resize_matrix=True)
train_pipeline = [
    load_points,
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/nuscenes_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(
            car=2,
            truck=3,
            construction_vehicle=7,
            bus=4,
            trailer=6,
            barrier=2,
            motorcycle=6,
            bicycle=6,
            pedestrian=2,
            traffic_cone=2),
        columns=5,
        paste_images=True),
    shrink_images,
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.9, 1.1],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['flip', 'rotate', 'scale', 'translate']),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=meta_keys),
]
test_pipeline = [
    load_points,
    dict(type='LoadMultiViewImages'),
    shrink_images,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points', 'img'], more_meta_keys=meta_keys),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='ClassBalancedDataset',
        dataset=dict(
            type='NuScenesDetectionDataset',
            data_root=data_root,
            ann_file='nuscenes_infos_train.pkl',
            pipeline=train_pipeline,
            modality=modality,
            unknown_velocities='nan',
            metainfo=metainfo)))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='NuScenesDetectionDataset',
        data_root=data_root,
        ann_file='nuscenes_infos_val.pkl',
        pipeline=test_pipeline,
        modality=modality,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='NuScenesDetectionMetric',
    data_root=data_root,
    ann_file=data_root + '/nuscenes_infos_val.pkl',
    modality=dict(use_lidar=True, use_camera=True))
test_evaluator = val_evaluator
