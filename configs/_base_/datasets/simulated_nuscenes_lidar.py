# A simulated drive in nuScenes' layout, LiDAR with ten earlier sweeps
# (make one: sparse3d simulate nuscenes).
# Data elsewhere: SPARSE3D_SIMULATED_NUSCENES=/data/drive sparse3d train ...
data_root = '{{$SPARSE3D_SIMULATED_NUSCENES:data/simulated_nuscenes}}'
class_names = ['car', 'truck', 'bicycle', 'pedestrian']
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

load_points = dict(type='LoadSweepPoints', sweeps=10)  # x, y, z, intensity, age in seconds
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='AugmentScene',
        rotation=[-0.3, 0.3],
        scale=[0.95, 1.05],
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
    batch_size=2,
    num_workers=1,
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
    num_workers=1,
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
