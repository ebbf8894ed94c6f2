"""Dynamic voxel feature encoding: every point counts, no limit per voxel."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.layers.linear import Linear
from sparse3d.ops import voxel_batch_norm  # noqa: F401  (registers VoxelBN1d)
from sparse3d.ops.cells import (
    Segments,
    cell_coordinates,
    cell_keys,
    max_segments,
    mean_segments,
    segments_of,
    sort_keys,
)
from sparse3d.ops.voxelization import voxel_coordinates


def distinct_voxels(coordinates: Tensor, grid: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Voxels of points [P, 4], by sample, x, y, z, and the number of each point's: [N, 4], [P].

    Args:
        grid: cells along x, y, z.
    """
    sample, z, y, x = coordinates.long().unbind(1)
    keys, number = cell_keys((sample, x, y, z), grid).unique(return_inverse=True)
    first = keys.new_zeros(len(keys)).index_put(
        (number, ), torch.arange(len(number), device=keys.device))
    return coordinates[first].int(), number


class _PointLayer(nn.Module):
    """Linear, batch normalization, ReLU on points."""

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.linear = Linear(in_channels, out_channels, bias=False)
        self.norm = MODELS.build({**norm_cfg, 'num_features': out_channels})

    def forward(self, points: Tensor) -> Tensor:
        return self.norm(self.linear(points)).relu()


@MODELS.register_module()
class DynamicVoxelEncoder(nn.Module):
    """Features of voxels (or pillars) from all of their points.

    A point is described by its own values, its offset to the mean of its voxel's points
    and to the voxel's center. The first layer sets each point beside its voxel's maximum,
    the second leaves the maximum alone.

    All of these come in on one scale: the place as a share of the range and the offsets as a
    share of the voxel, -1 to 1 each. In meters, as published, nearly all of what the first layer
    gives is where a pillar lies, and the shape within it, centimeters, has to be learned
    against that (README of DSVT, "Does it learn?").

    Args:
        in_channels: columns of a point, x, y, z first.
        feat_channels: outputs of the two layers; the first is the width after joining.
        voxel_size: x, y, z in meters.
        point_cloud_range: x, y, z minimum, x, y, z maximum in meters, LiDAR frame.
        norm_cfg: batch normalization over points.
        meters: place and offsets stay in meters, as the released weights of DSVT, HEDNet and
            SAFDNet want them.
        all_heights: of pillars: points below and above the range belong to their pillar.
        int32_keys: voxels are numbered in 32 bits: of a large grid and many samples the last
            ones are lost, or come out in other samples.

    Raises:
        ConfigError: if ``all_heights`` is asked for of more than one voxel along z.

    Source: DSVT (CVPR 2023), released configs; dynamic voxelization from MVF (CoRL 2019).
    """

    def __init__(self, in_channels: int = 5, feat_channels: Sequence[int] = (192, 192),
                 voxel_size: Sequence[float] = (0.32, 0.32, 6.0),
                 point_cloud_range: Sequence[float] = (-74.88, -74.88, -2, 74.88, 74.88, 4),
                 norm_cfg: dict | None = None, meters: bool = False, all_heights: bool = False,
                 int32_keys: bool = False) -> None:
        super().__init__()
        norm_cfg = norm_cfg or dict(type='VoxelBN1d', eps=1e-3, momentum=0.01)
        first, last = feat_channels
        self.pfn_layers = nn.ModuleList([_PointLayer(in_channels + 6, first // 2, norm_cfg),
                                         _PointLayer(first // 2 * 2, last, norm_cfg)])
        size, limits = torch.tensor(voxel_size), torch.tensor(point_cloud_range)
        self.register_buffer('voxel_size', size, persistent=False)
        self.register_buffer('first_center', limits[:3] + size / 2, persistent=False)
        middle, extent = (limits[:3] + limits[3:]) / 2, (limits[3:] - limits[:3]) / 2
        self.register_buffer('middle', middle, persistent=False)
        self.register_buffer('extent', extent, persistent=False)
        self.meters, self.all_heights, self.int32_keys = meters, all_heights, int32_keys
        self.limits = tuple(map(float, voxel_size)), tuple(map(float, point_cloud_range))
        cells, edges = (np.float32(values) for values in self.limits)  # on no device
        self.grid = np.round((edges[3:] - edges[:3]) / cells).astype(int).tolist()  # x, y, z
        if all_heights and self.grid[2] != 1:
            raise ConfigError(f'all_heights of DynamicVoxelEncoder is for pillars; the grid has '
                              f'{self.grid[2]} voxels along z: leave it out')

    def forward(
            self,
            points: Tensor,       # [P, C]  x, y, z first
            coordinates: Tensor,  # [P, 4]  sample, z, y, x of each point; -1 outside
    ) -> tuple[Tensor, Tensor]:   # [N, C'], [N, 4] int32 sample, z, y, x
        """Encode; voxels come by sample, x, y, z."""
        if self.all_heights:
            coordinates = self._at_any_height(points, coordinates)
        inside = (coordinates >= 0).all(1)
        points, coordinates = points[inside], coordinates[inside].long()
        sample, z, y, x = coordinates.unbind(1)
        keys, order = sort_keys(self._numbered(cell_keys((sample, x, y, z), self.grid)))
        first = int((keys < 0).sum()) if self.int32_keys else 0  # those behind the overflow
        keys, order = keys[first:], order[first:]
        points, coordinates, voxels = points[order], coordinates[order], segments_of(keys)
        hidden = self.pfn_layers[0](self._describe(points, coordinates, voxels))
        joined = torch.cat([hidden, max_segments(hidden, voxels.counts)[voxels.number]], dim=1)
        features = max_segments(self.pfn_layers[1](joined), voxels.counts)
        cells = coordinates[voxels.first].int()
        if self.int32_keys:
            cells = cell_coordinates(keys[voxels.first], self.grid)[:, [0, 3, 2, 1]]
        return features, cells

    def _numbered(self, keys: Tensor) -> Tensor:
        return keys.int().long() if self.int32_keys else keys

    def _at_any_height(self, points: Tensor, coordinates: Tensor) -> Tensor:
        """Coordinates of pillars by x and y alone."""
        level = torch.cat([points[:, :2], self.middle[2].expand(len(points), 1)], dim=1)
        return torch.cat([coordinates[:, :1], voxel_coordinates(level, *self.limits)], dim=1)

    def _describe(self, points: Tensor, coordinates: Tensor, voxels: Segments) -> Tensor:
        """Values, offset to the mean, offset to the center: [P, C + 6]."""
        if len(points) == 0:
            return torch.cat([points, points[:, :3], points[:, :3]], dim=1)
        mean = mean_segments(points[:, :3], voxels.counts)
        return self.describe_points(points, coordinates, mean[voxels.number])

    def describe_points(self, points: Tensor, coordinates: Tensor, mean: Tensor) -> Tensor:
        """The same from the mean of the points of each point's voxel, [P, 3]."""
        xyz, others = points[:, :3], points[:, 3:]
        center = coordinates[:, [3, 2, 1]] * self.voxel_size + self.first_center
        place, to_mean, to_center = xyz, xyz - mean, xyz - center
        if not self.meters:
            place = (xyz - self.middle) / self.extent
            to_mean, to_center = (offset * 2 / self.voxel_size for offset in (to_mean, to_center))
        return torch.cat([place, others, to_mean, to_center], dim=1)
