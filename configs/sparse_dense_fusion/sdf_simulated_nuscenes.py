# LiDAR and cameras on a simulated drive (sparse3d simulate nuscenes), from nothing, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_fusion.py',
    '_base_/models/sdf_small.py',
    '_base_/schedules/sdf_minutes.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed, replaced

custom_imports = dict(imports=['sparse_dense_fusion.register'])

image_size = [96, 192]  # height, width in pixels
meta_keys = ['image_valid', 'view_names', 'timestamp', 'lidar2global', 'token']
two_sweeps = dict(sweeps=2)
whole_image = dict(
    size=image_size, training=False, resize=None, flip=None, separately=None)
# All points go into the depths of the images; voxels are made inside of the range alone.
train_pipeline = changed(
    replaced(_base_.train_pipeline, PointsRangeFilter=[]),
    LoadSweepPoints=two_sweeps,
    AugmentImages=whole_image,
    PackSample=dict(more_meta_keys=meta_keys))
test_pipeline = changed(
    replaced(_base_.test_pipeline, PointsRangeFilter=[]),
    LoadSweepPoints=two_sweeps,
    AugmentImages=whole_image,
    PackSample=dict(more_meta_keys=meta_keys))
train_dataloader = dict(batch_size=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
default_hooks = dict(validate_first=dict(max_batches=1))
find_unused_parameters = True  # levels of the pyramid that a single branch does not read
