# v1, four frames, ResNet-101 at 1600 x 640; published: .5438 NDS, .4409 mAP on the validation set.
_base_ = [
    '../_base_/datasets/nuscenes_camera.py', '_base_/models/sparse4d_v1_r101.py',
    '_base_/schedules/sparse4d_v1_24e.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['sparse4d.register'])

image_size = [640, 1600]     # height, width in pixels: the lower part of a whole picture
frames = dict(num_frames=1)  # earlier ones wait in a queue
train_pipeline = changed(
    _base_.train_pipeline, AugmentImages=dict(size=image_size, resize=[1.0, 1.0], flip=0.0))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, frames=frames))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
test_dataloader = val_dataloader
