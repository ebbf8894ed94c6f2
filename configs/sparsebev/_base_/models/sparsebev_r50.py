# SparseBEV with ResNet-50: 8 frames, 4 levels, 4 groups of 4 points, 900 queries.
_base_ = []
from sparse3d_configs._base_ import grids

detection_range = grids.NUSCENES_RANGE_51  # meters: x, y, z from, x, y, z to
num_frames = 8

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
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN2d', requires_grad=True),
        norm_eval=True,
        style='pytorch',
        with_cp=True),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        num_outs=4),
    bbox_head=dict(
        type='SparseBEVHead',
        num_classes=10,
        num_queries=900,
        point_cloud_range=detection_range,
        decoder=dict(num_frames=num_frames, num_levels=4, num_points=4)))
