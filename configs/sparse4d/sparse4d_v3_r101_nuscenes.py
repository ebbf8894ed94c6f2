# ResNet-101 at 1408 x 512; published: .623 NDS, .537 mAP, .567 AMOTA on the validation set.
_base_ = ['sparse4d_v3_r50_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [512, 1408]  # height, width in pixels
model = dict(backbone=dict(depth=101))

train_pipeline = changed(_base_.train_pipeline, AugmentImages=dict(size=image_size))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
