# nuScenes, six cameras over eight frames, ten classes, images of 704 x 256 pixels.
_base_ = ['nuscenes.py']
from sparse3d_configs._base_ import grids

point_cloud_range = grids.NUSCENES_RANGE_51  # meters: x, y, z from, x, y, z to
image_size = [256, 704]                                    # height, width in pixels
frames = dict(num_frames=8, kind='past')                   # now and the past; see FrameChoice
modality = dict(use_lidar=False, use_camera=True)

train_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=_base_.class_names),
    dict(
        type='AugmentImages',
        size=image_size,
        resize=[0.38, 0.55],
        flip=0.5),
    dict(
        type='AugmentScene',
        rotation=[-0.3925, 0.3925],
        scale=[0.95, 1.05],
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=_base_.meta_keys),
]
test_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['img'], more_meta_keys=_base_.meta_keys),
]

train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        pipeline=train_pipeline, modality=modality, frames=frames, objects='lidar_or_radar'))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, modality=modality, frames=frames))
test_dataloader = val_dataloader
val_evaluator = dict(modality=dict(use_camera=True))
test_evaluator = val_evaluator
