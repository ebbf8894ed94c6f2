# ResNet-50 from ImageNet alone for 36 epochs; released without weights.
_base_ = ['sparsebev_r50_nuscenes.py']

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='data/pretrained/resnet50-0676ba61.pth', prefix=None)))

max_epochs = 36
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.4))))
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
