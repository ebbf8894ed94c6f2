# A simulated drive (sparse3d simulate nuscenes), from random weights, on a CPU.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_camera.py', '_base_/models/sparsebev_small.py',
    '_base_/schedules/sparsebev_minutes.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['sparsebev.register'])

image_size = [96, 256]  # height, width in pixels
frames = dict(num_frames=2, kind='past')

# The whole image: there is little time, and no more to see outside.
train_pipeline = changed(
    _base_.train_pipeline,
    AugmentImages=dict(size=image_size, training=False, resize=None, flip=None))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, frames=frames))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))

default_hooks = dict(validate_first=dict(max_batches=2))
