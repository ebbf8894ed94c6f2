"""Features of proposals from the voxels around their grid points (Voxel R-CNN)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from focalsconv.shared_layers import connected, on_rows
from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d
from sparse3d.ops.voxel_query import voxel_query


class VoxelNeighborhood(nn.Module):
    """Pools the voxels of one stage around query points.

    Args:
        in_channels: of the voxels.
        channels: after the first and after the last layer.
        reach: cells along z, y, x that are looked at in each direction.
        radius: meters.
        limit: most voxels of a query.

    Source: Voxel R-CNN (AAAI 2021), section 3.2, accelerated local aggregation.
    """

    def __init__(self, in_channels: int, channels: Sequence[int], reach: Sequence[int],
                 radius: float, limit: int) -> None:
        super().__init__()
        self.reach, self.radius, self.limit = tuple(reach), radius, limit
        self.voxel_mlp = nn.Sequential(nn.Linear(in_channels, channels[0], bias=False),
                                       VoxelBatchNorm1d(channels[0]))
        self.position_mlp = nn.Sequential(nn.Linear(3, channels[0], bias=False),
                                          VoxelBatchNorm1d(channels[0]))
        self.output = connected(channels)

    def forward(self, voxels: SparseConvTensor, centers: Tensor, queries: Tensor,
                query_coordinates: Tensor) -> Tensor:
        """Pool.

        Args:
            centers: [N, 3] of the voxels, meters.
            queries: [M, 3] meters, and [M, 4] their cells (sample, z, y, x).

        Returns:
            [M, C].
        """
        rows, empty = voxel_query(voxels.indices, centers, query_coordinates, queries,
                                  voxels.spatial_shape, self.reach, self.radius, self.limit)
        features = self.voxel_mlp(voxels.features)
        if len(features) == 0:
            features, centers = features.new_zeros(1, features.shape[1]), centers.new_zeros(1, 3)
        nothing = empty[:, None, None]  # whose row 0 is somebody else's
        offsets = (centers[rows] - queries[:, None]).masked_fill(nothing, 0)  # [M, limit, 3]
        grouped = features[rows].masked_fill(nothing, 0) + on_rows(self.position_mlp, offsets)
        return self.output(grouped.relu().amax(1))


@MODELS.register_module()
class VoxelRoIPooling(nn.Module):
    """Features of proposals from several stages of the sparse encoder.

    Args:
        stages: number of a stage (from 1) -> ``in_channels``, ``channels``, ``reach``,
            ``radius``, ``limit`` of its :class:`VoxelNeighborhood`.
        voxel_size, point_cloud_range: of the finest voxels, meters.
    """

    def __init__(self, stages: dict[int, dict], voxel_size: Sequence[float],
                 point_cloud_range: Sequence[float]) -> None:
        super().__init__()
        self.stages = [int(stage) for stage in stages]
        self.layers = nn.ModuleList(VoxelNeighborhood(**options) for options in stages.values())
        self.out_channels = sum(options['channels'][-1] for options in stages.values())
        self.register_buffer('voxel_size', torch.tensor(list(voxel_size)).float(), persistent=False)
        self.register_buffer('range_minimum', torch.tensor(list(point_cloud_range[:3])).float(),
                             persistent=False)

    def forward(self, features: dict[str, Any], queries: Tensor, sample: Tensor) -> Tensor:
        """Pool around points.

        Args:
            features: ``stages``: the sparse outputs of the encoder's stages.
            queries: [M, 3] meters; sample: [M] int64.

        Returns:
            [M, C].
        """
        cells = ((queries - self.range_minimum) / self.voxel_size).floor().long()
        pooled = []
        for number, layer in zip(self.stages, self.layers, strict=True):
            voxels, stride = features['stages'][number - 1], 2 ** (number - 1)
            centers = voxel_centers(voxels, stride, self.voxel_size, self.range_minimum)
            coarse = cells.div(stride, rounding_mode='floor').flip(1)  # z, y, x
            pooled.append(layer(voxels, centers, queries,
                                torch.cat([sample[:, None], coarse], 1)))
        return torch.cat(pooled, 1)


def voxel_centers(voxels: SparseConvTensor, stride: int, voxel_size: Tensor,
                  range_minimum: Tensor) -> Tensor:
    """Middles of the cells that voxels of a stage stand for, [N, 3] meters.

    As in all releases of the two-stage detectors, also where down-sampling shifts the grid.
    """
    return (voxels.indices.flip(1)[:, :3] + 0.5) * stride * voxel_size + range_minimum
