# LiDAR and cameras on a simulated drive (sparse3d simulate nuscenes), from nothing, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_fusion.py',
    '../_base_/models/sparsefusion_small.py',
    '../_base_/schedules/sparsefusion_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion.register'])

image_size = [96, 192]  # height, width in pixels
load_points = dict(type='LoadSweepPoints', sweeps=2)
meta_keys = ['image_valid', 'view_names', 'timestamp', 'lidar2global', 'token']
# All points go into the depth image; voxels are made inside of the range alone.
train_pipeline = [
    load_points,
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(
        type='AugmentScene',
        rotation=[-0.3, 0.3],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
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
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['points', 'img'], more_meta_keys=meta_keys),
]
train_dataloader = dict(batch_size=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
default_hooks = dict(validate_first=dict(max_batches=1))
