# A simulated drive (sparse3d simulate nuscenes), from random weights, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_camera.py', '../_base_/models/sparsebev_small.py',
    '../_base_/schedules/sparsebev_minutes.py', '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['sparsebev.register'])

image_size = [96, 256]  # height, width in pixels
frames = dict(num_frames=2, kind='past')

train_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
    # The whole image: there is little time, and no more to see outside.
    dict(type='AugmentImages', size=image_size, training=False),
    dict(
        type='AugmentScene',
        rotation=[-0.3925, 0.3925],
        scale=[0.95, 1.05],
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys={{_base_.meta_keys}}),
]
test_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['img'], more_meta_keys={{_base_.meta_keys}}),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, frames=frames))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))

default_hooks = dict(validate_first=dict(max_batches=2))
