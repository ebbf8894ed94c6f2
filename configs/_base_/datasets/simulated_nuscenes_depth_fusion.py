# A simulated drive for small detectors that see the LiDAR's depths in the images: two sweeps, all
# points (voxels are made inside of the range alone), whole images of 192 x 96 pixels.
_base_ = ['simulated_nuscenes_fusion.py']
from sparse3d.engine.pipeline_steps import changed, replaced

image_size = [96, 192]  # height, width in pixels
meta_keys = ['image_valid', 'view_names', 'timestamp', 'lidar2global', 'token']
two_sweeps = dict(sweeps=2)
whole_image = dict(
    size=image_size, training=False, resize=None, flip=None, separately=None)
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
