# Swin-T at 704 x 256: as with ResNet-50, but for the image backbone. Not published.
_base_ = ['sparsebev_r50_nuscenes.py']

model = dict(
    backbone=dict(
        _delete_=True,  # another network
        type='SparseSwin',
        ratios=None,  # for each stage the share of windows that each block leaves out
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        drop_path_rate=0.2,
        with_cp=True,
        convert_weights=True,
        # ImageNet, from the authors of Swin.
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/pretrained/swin_tiny_patch4_window7_224.pth')),
    neck=dict(in_channels=[96, 192, 384, 768]))

optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            'relative_position_bias_table': dict(lr_mult=0.1, decay_mult=0.0),
        }))
