# A small Sparse4D v3 for simulated drives: two levels, four layers, minutes on a CPU.
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
        depth=18,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(1, 2),
        norm_cfg=dict(type='BN2d', requires_grad=True),
        norm_eval=False),  # learns from nothing, so its statistics have to
    neck=dict(
        type='mmdet.FPN',
        in_channels=[64, 128],
        out_channels=128,
        num_outs=2),
    depth_branch=dict(type='DepthBranch', channels=128, num_levels=2),
    bbox_head=dict(
        type='Sparse4DHead',
        num_classes=4,
        detections=dict(track_threshold=0.1),  # scores stay low in minutes
        bank=dict(num_anchors=100, num_temporal=60),
        decoder=dict(
            channels=128, num_layers=4, num_levels=2, num_groups=4, num_heads=4,
            feedforward_channels=256)),
    training=dict(
        type='Sparse4DTraining',
        losses=dict(box_score_threshold=0.0),  # boxes learn from the first step on
        denoising=dict(num_groups=3, num_temporal_groups=2)))
