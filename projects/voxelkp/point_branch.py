"""Hybrid features: a perceptron on each voxel alone, beside the convolutions."""
from __future__ import annotations

from spconv.pytorch import SparseConvTensor
from torch import nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d

LAYERS = 3


class PointBranch(nn.Module):
    """Three linear layers, each with norm and ReLU, that keep every voxel's own detail.

    Source: VoxelKP (ICCV 2025), hybrid feature learning.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(layer for _ in range(LAYERS) for layer in (
            nn.Linear(channels, channels, bias=False), VoxelBatchNorm1d(channels), nn.ReLU())))

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels."""
        return voxels.replace_feature(self.layers(voxels.features))
