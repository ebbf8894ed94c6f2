"""Sparse selective kernels: each frame chooses, channel by channel, how far to look."""
from __future__ import annotations

import torch
from mmdet3d.models.layers import make_sparse_convmodule
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.models.layers.precision import at_least_float32
from sparse3d.models.layers.sparse_residual_block import add_and_rectify, residual_halves
from sparse3d.ops.cells import group_counts, mean_groups
from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d

KERNELS = (3, 5)
REDUCTION = 8


class SparseSelectiveKernel(nn.Module):
    """Submanifold convolutions of 3 and 5 voxels, mixed by gates that the frame sets.

    The mean over a frame's voxels of both convolutions decides the gates, a softmax over the
    two kernels for each channel. The normalization of that mean takes statistics over the
    frames of a batch; a batch of one frame is normalized with the running statistics, as
    ``nn.BatchNorm1d`` would refuse it.

    Source: VoxelKP (ICCV 2025), sparse selective kernel; Selective Kernel Networks (CVPR 2019).
    """

    def __init__(self, channels: int, norm_cfg: dict, indice_key: str) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            make_sparse_convmodule(channels, channels, kernel, f'{indice_key}_{kernel}',
                                   padding=kernel // 2, norm_cfg=norm_cfg)
            for kernel in KERNELS)
        hidden = max(channels // REDUCTION, 1)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.squeeze_norm = VoxelBatchNorm1d(hidden)
        self.excitations = nn.ModuleList(
            nn.Linear(hidden, channels, bias=False) for _ in KERNELS)

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels."""
        seen = [branch(voxels).features for branch in self.branches]
        frame = voxels.indices[:, 0].long()
        gates = self.gates(sum(seen), frame, voxels.batch_size).to(seen[0].dtype)
        return voxels.replace_feature(sum(
            features * gates[frame, kernel] for kernel, features in enumerate(seen)))

    def gates(self, features: Tensor, frame: Tensor, batch_size: int) -> Tensor:
        """Share of each kernel, [B, kernels, C], from features [N, C] of voxels of ``frame``.

        A frame without voxels gets gates too; nothing comes of them.
        """
        mean, valid = frame_means(at_least_float32(features), frame, batch_size)
        squeezed = self.squeeze(mean)
        normed = torch.zeros_like(squeezed)
        rows = valid.nonzero().squeeze(1)
        normed[rows] = self.squeeze_norm(squeezed[rows]).to(normed.dtype)
        hidden = normed.relu()
        return torch.stack([layer(hidden) for layer in self.excitations], 1).softmax(1)


def frame_means(features: Tensor, frame: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Mean over the voxels of each frame [B, C], 0 for none; which frames have voxels [B]."""
    counts = group_counts(frame, batch_size)
    return mean_groups(features, frame, batch_size, counts), counts > 0


class SelectiveKernelBlock(nn.Module):
    """A residual block with a selective kernel between its two convolutions."""

    def __init__(self, channels: int, norm_cfg: dict, indice_key: str) -> None:
        super().__init__()
        self.first, self.second = residual_halves(channels, norm_cfg, indice_key)
        self.selective_kernel = SparseSelectiveKernel(channels, norm_cfg, indice_key)

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels."""
        return add_and_rectify(self.second(self.selective_kernel(self.first(voxels))), voxels)
