"""Voxel detectors of a few thousand weights, one for each kind of head, away from the start."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import sparse3d.register  # noqa: F401

RANGE, SIZE = [0, -6.4, -2, 12.8, 6.4, 1.2], [0.4, 0.4, 0.4]
SHAPE, STRIDE = [9, 32, 32], 4
NORM1D, NORM2D = dict(type='BN1d', eps=1e-3), dict(type='BN', eps=1e-3)
TASKS = [dict(num_class=1, class_names=['Car']), dict(num_class=2, class_names=['Van', 'Bus'])]


def center_head(channels: int) -> dict:
    """Two tasks, the second of two classes, with velocities; nothing is suppressed."""
    coder = dict(type='CenterPointBBoxCoder', pc_range=RANGE[:2], voxel_size=SIZE[:2],
                 out_size_factor=STRIDE, max_num=20, score_threshold=0.0, code_size=9,
                 post_center_range=[-100, -100, -100, 100, 100, 100])
    branches = dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), vel=(2, 2))
    return dict(type='MovingCenterHead', in_channels=channels, tasks=TASKS, common_heads=branches,
                share_conv_channel=8, bbox_coder=coder,
                separate_head=dict(type='SeparateHead', init_bias=-2.19, final_kernel=3),
                loss_cls=dict(type='mmdet.GaussianFocalLoss'), loss_bbox=dict(type='mmdet.L1Loss'),
                test_cfg=dict(nms_type='rotate', nms_thr=1.0, pre_max_size=20, post_max_size=20,
                              post_center_limit_range=[-100] * 3 + [100] * 3, max_per_img=50,
                              score_threshold=0.0))


def anchor_head(channels: int) -> dict:
    """One class, two rotations; nothing is suppressed."""
    return dict(type='BatchedAnchorHead', num_classes=1, in_channels=channels,
                feat_channels=channels, use_direction_classifier=True, diff_rad_by_sin=True,
                dir_offset=0.7854,
                anchor_generator=dict(type='Anchor3DRangeGenerator', sizes=[[3.9, 1.6, 1.56]],
                                      ranges=[[0, -6.4, -1.8, 12.8, 6.4, -1.8]],
                                      rotations=[0, 1.57], reshape_out=False),
                bbox_coder=dict(type='DeltaXYZWLHRBBoxCoder'),
                loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True),
                loss_bbox=dict(type='mmdet.SmoothL1Loss'),
                loss_dir=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False),
                test_cfg=dict(use_rotate_nms=True, nms_across_levels=False, nms_thr=1.0,
                              score_thr=0.0, min_bbox_size=0, nms_pre=100, max_num=50))


def query_head(channels: int) -> dict:
    """TransFusion's."""
    return dict(type='TransFusionHead', in_channels=channels, num_classes=2,
                bbox_coder=dict(point_cloud_range=RANGE, voxel_size=SIZE, stride=STRIDE),
                query_initialization=dict(channels=16, num_queries=3),
                decoder_layers=[dict(type='MapDecoderLayer', num_heads=2,
                                     feedforward_channels=16)])


HEADS = dict(center=center_head, anchors=anchor_head, queries=query_head)


def tiny_detector(head: str = 'center', encoder: dict | None = None, pillars: bool = False,
                  seed: int = 0) -> nn.Module:
    """A detector in evaluation mode.

    Args:
        head: of :data:`HEADS`.
        encoder: entries of the sparse encoder that differ.
        pillars: PointPillars instead of a sparse encoder.
        seed: of the weights.
    """
    init_default_scope('mmdet3d')
    torch.manual_seed(seed)
    size = [SIZE[0] * STRIDE, SIZE[1] * STRIDE, 3.2] if pillars else SIZE
    model = MODELS.build(ConfigDict(dict(
        type='VoxelDetector',
        data_preprocessor=dict(
            type='Det3DDataPreprocessor', voxel=True, voxel_layer=dict(
                max_num_points=3, point_cloud_range=RANGE, voxel_size=size,
                max_voxels=(2000, 2000))),
        voxel_encoder=pillar_encoder(size) if pillars else dict(
            type='HardSimpleVFE', num_features=4),
        middle_encoder=dict(type='PointPillarsScatter', in_channels=8, output_shape=[8, 8])
        if pillars else sparse_encoder(**(encoder or {})),
        backbone=dict(type='SECOND', in_channels=8, out_channels=[8], layer_nums=[1],
                      layer_strides=[1], norm_cfg=NORM2D),
        neck=dict(type='SECONDFPN', in_channels=[8], out_channels=[8], upsample_strides=[1],
                  norm_cfg=NORM2D),
        bbox_head=HEADS[head](8))))
    away_from_the_start(model)
    return model.eval()


def sparse_encoder(**options) -> dict:
    """Three stages on nine cells of height, down to 8 x 8 cells."""
    return dict(dict(
        type='SparseEncoder', in_channels=4, sparse_shape=SHAPE, base_channels=4,
        encoder_channels=((4, ), (4, 8), (8, 8)), encoder_paddings=((1, ), (1, 1), (1, 1)),
        output_channels=8, norm_cfg=NORM1D), **options)


def pillar_encoder(size: list[float]) -> dict:
    """Of pillars."""
    return dict(type='PillarFeatureNet', in_channels=4, feat_channels=[8], with_distance=False,
                voxel_size=size, point_cloud_range=RANGE)


@torch.no_grad()
def away_from_the_start(model: nn.Module) -> None:
    """Statistics, scales and biases that a training could have left."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for values in (module.running_mean, module.bias):
                values.copy_(torch.randn_like(values) * 0.2)
            for values in (module.running_var, module.weight):
                values.copy_(torch.rand_like(values) + 0.5)
    for name, values in model.bbox_head.named_parameters():
        if name.endswith('weight') and values.dim() > 1:
            values.add_(torch.randn_like(values) * 0.1)


def cloud(count: int = 400, seed: int = 1) -> Tensor:
    """Points [N, 4] inside the range."""
    random = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(RANGE[:3]), torch.tensor(RANGE[3:])
    xyz = low + (high - low) * torch.rand(count, 3, generator=random)
    return torch.cat([xyz, torch.rand(count, 1, generator=random)], dim=1)
