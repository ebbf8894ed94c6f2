# Sparse4D v1 with ResNet-101, deformable convolutions in its last two stages; four frames.
model = dict(
    type='Sparse4D',
    data_preprocessor=dict(
        type='VideoPreprocessor',
        mean=[103.53, 116.28, 123.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet',
        depth=101,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN2d', requires_grad=False),
        norm_eval=True,
        style='caffe',
        with_cp=True,
        dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, False, True, True)),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        start_level=1,
        add_extra_convs='on_output',
        relu_before_extra_convs=True,
        num_outs=4),
    bbox_head=dict(
        type='Sparse4DFramesHead',
        num_classes=10,
        bank=dict(num_anchors=900, num_temporal=0, learn_features=True),
        decoder=dict(channels=256, num_layers=6, num_levels=4, feedforward_channels=512,
                     weights_dropout=0.0),
        queue=dict(num_frames=3, num_cameras=6)))
