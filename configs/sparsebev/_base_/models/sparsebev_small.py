# A small SparseBEV for simulated drives: two frames, two levels, minutes on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids

detection_range = grids.NUSCENES_RANGE_51  # meters: x, y, z from, x, y, z to
num_frames = 2

model = dict(
    type='SparseBEV',
    data_preprocessor=dict(
        type='VideoPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size_divisor=32,
        num_frames=num_frames),
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
    bbox_head=dict(
        type='SparseBEVHead',
        num_classes=4,
        num_queries=100,
        decoder=dict(
            channels=128, num_frames=num_frames, num_levels=2, num_points=4,
            with_checkpoint=False, feedforward_channels=256, out_points=32),
        point_cloud_range=detection_range,
        num_passes=4,
        denoising_groups=3))
