"""``BN1d`` that takes a training batch of one voxel.

Wrong upstream (torch): ``nn.BatchNorm1d`` ends a training with a ``ValueError`` for a batch of one
row, while none and two are fine. mmdet3d's sparse encoders are made of it, and an almost empty
cloud, or a strided convolution over few voxels, leaves one voxel.

Repair: the name ``BN1d`` of mmcv's norm layers stands for :class:`~sparse3d.ops.voxel_batch_norm.
VoxelBatchNorm1d`, which falls back to the running statistics there and is the same elsewhere.
"""
from __future__ import annotations

from mmengine.registry import MODELS
from torch import nn

from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d


def apply_patch() -> None:
    """Let ``dict(type='BN1d')`` build the layer that takes one row."""
    if MODELS.get('BN1d') is nn.BatchNorm1d:
        MODELS.register_module('BN1d', module=VoxelBatchNorm1d, force=True)
