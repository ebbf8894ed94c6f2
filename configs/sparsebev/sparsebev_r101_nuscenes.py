# ResNet-101 at 1408 x 512, five levels; published: 59.2 NDS on the validation set.
_base_ = ['sparsebev_r50_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [512, 1408]  # height, width in pixels
model = dict(
    cache_frames=8,  # in evaluation; 420 MB each
    backbone=dict(
        depth=101,
        init_cfg=dict(
            checkpoint='data/pretrained/cascade_mask_rcnn_r101_fpn_1x_nuim_'
            '20201024_134804-45215b1e.pth')),
    neck=dict(num_outs=5),
    bbox_head=dict(decoder=dict(num_levels=5)))

train_pipeline = changed(
    _base_.train_pipeline, AugmentImages=dict(size=image_size, resize=[0.76, 1.1]))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))))
