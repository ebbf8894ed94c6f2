# LiDAR and cameras of a custom data set, cameras of any names (docs/custom_data.md).
# Data elsewhere: --cfg-options data_root=/disk/mine, or SPARSE3D_OWN_DATA=/disk/mine.
_base_ = ['custom_cameras.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced

columns = 4  # numbers of a point
modality = dict(use_lidar=True, use_camera=True)
meta_keys = ['image_valid', 'view_names', 'timestamp', 'lidar2global']

# All points go into the depth image; voxels are made inside of the range alone.
load_points = dict(type='LoadPointFile', columns=columns)
keep_objects = next(step for step in _base_.train_pipeline if step.type == 'KeepObjects')
train_pipeline = changed(
    inserted_after(
        replaced(_base_.train_pipeline, KeepObjects=[]),
        AugmentScene=[keep_objects, dict(type='ShufflePoints')]),
    AugmentScene=dict(rotation=[-0.3, 0.3], flip_horizontal=0.5),
    PackSample=dict(
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=meta_keys))
train_pipeline = [load_points, *train_pipeline]
test_pipeline = [
    load_points,
    *changed(
        _base_.test_pipeline,
        PackSample=dict(keys=['points', 'img'], more_meta_keys=meta_keys)),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, modality=modality))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, modality=modality))
test_dataloader = val_dataloader
