# nuScenes, LiDAR with ten earlier sweeps beside the key frame (as mmdet3d), ten classes.
_base_ = ['nuscenes.py']
from sparse3d_configs._base_ import grids

point_cloud_range = grids.NUSCENES_RANGE_54  # meters: x, y, z from, x, y, z to
voxel_size = grids.NUSCENES_VOXEL                           # meters
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
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=_base_.class_names),
    dict(type='ShufflePoints'),
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

train_dataloader = dict(dataset=dict(pipeline=train_pipeline, modality=modality))
val_dataloader = dict(num_workers=2, dataset=dict(pipeline=test_pipeline, modality=modality))
test_dataloader = val_dataloader
val_evaluator = dict(modality=dict(use_lidar=True))
test_evaluator = val_evaluator
