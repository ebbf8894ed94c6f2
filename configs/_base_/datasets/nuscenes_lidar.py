# nuScenes, LiDAR with ten earlier sweeps beside the key frame (as mmdet3d), ten classes.
# Data elsewhere: --cfg-options data_root=/disk/nuscenes, or SPARSE3D_NUSCENES=/disk/nuscenes.
data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
class_names = [
    'car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle', 'bicycle',
    'pedestrian', 'traffic_cone'
]
point_cloud_range = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]  # meters: x, y, z from, x, y, z to
voxel_size = [0.075, 0.075, 0.2]  # meters
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

load_points = dict(type='LoadSweepPoints', sweeps=10)  # x, y, z, intensity, age in seconds
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.9, 1.1],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=['token']),
]
test_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points'], more_meta_keys=['token']),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='NuScenesDetectionDataset',
        data_root=data_root,
        ann_file='nuscenes_infos_train.pkl',
        pipeline=train_pipeline,
        modality=modality,
        unknown_velocities='nan',
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
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
    modality=dict(use_lidar=True))
test_evaluator = val_evaluator
