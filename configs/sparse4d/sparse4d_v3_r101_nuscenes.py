# ResNet-101 at 1408 x 512; published: .623 NDS, .537 mAP, .567 AMOTA on the validation set.
# No config was released; rates and epochs are the author's advice.
_base_ = ['sparse4d_v3_r50_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [512, 1408]  # height, width in pixels
max_epochs = 80
learning_rate = 3e-4      # at 8 GPUs with 2 samples each

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(  # Cascade Mask R-CNN on nuImages, from mmdet3d's model zoo
            checkpoint='data/pretrained/cascade_mask_rcnn_r101_fpn_1x_nuim_'
            '20201024_134804-45215b1e.pth',
            prefix='backbone')))

train_pipeline = changed(
    _base_.train_pipeline, AugmentSequenceImages=dict(size=image_size, resize=[0.80, 0.94]))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    optimizer=dict(lr=learning_rate),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
train_cfg = dict(max_epochs=max_epochs)
auto_scale_lr = dict(base_batch_size=16)
