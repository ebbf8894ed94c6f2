# Sparse4D v3 with ResNet-50: 900 instances, 600 of them from the frame before, six layers.
model = dict(
    type='Sparse4D',
    data_preprocessor=dict(
        type='VideoPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(type='BN2d', requires_grad=True),
        norm_eval=False,
        style='pytorch',
        with_cp=True),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        start_level=0,
        num_outs=4),
    depth_branch=dict(type='DepthBranch', channels=256, num_levels=3),  # in training
    bbox_head=dict(
        type='Sparse4DHead',
        num_classes=10,
        bank=dict(num_anchors=900, num_temporal=600),
        decoder=dict(channels=256, num_layers=6, num_levels=4)))
