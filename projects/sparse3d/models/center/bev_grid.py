"""The grid of cells on the ground that heads find objects on."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.errors import ConfigError


@dataclass(frozen=True)
class GridOptions:
    """Where the cells of a head's map lie, as the argument object of a head.

    Attributes:
        point_cloud_range: x, y, z minimum, x, y, z maximum of the map, meters, LiDAR frame.
        voxel_size: x, y(, z) of a voxel, meters.
        stride: voxels per cell of the map.
    """

    point_cloud_range: Sequence[float]
    voxel_size: Sequence[float]
    stride: int = 1


@dataclass(frozen=True)
class BEVGrid:
    """Cells on the ground: column ``i`` begins at ``origin[0] + i * cell[0]``.

    Its numbers are Python's, so that nothing is copied to a device when cells are computed.

    Attributes:
        origin: x, y of the corner of the range in meters, LiDAR frame.
        cell: size of a cell along x, y in meters.
        shape: number of cells along x, y.
    """

    origin: tuple[float, float]
    cell: tuple[float, float]
    shape: tuple[int, int]

    @classmethod
    def from_voxels(cls, voxel_size: Sequence[float], point_cloud_range: Sequence[float],
                    stride: int) -> BEVGrid:
        """The grid that is ``stride`` times coarser than the voxels.

        Raises:
            ConfigError: if the range holds no cell.
        """
        cell = tuple(float(size) * stride for size in voxel_size[:2])
        extent = [point_cloud_range[3 + axis] - point_cloud_range[axis] for axis in range(2)]
        shape = tuple(-(-round(length / size * stride) // stride)
                      for length, size in zip(extent, cell, strict=True))
        if min(shape) < 1:
            raise ConfigError(f'point_cloud_range {list(point_cloud_range)} holds no cell of '
                              f'{cell} meters')
        return cls(tuple(map(float, point_cloud_range[:2])), cell, shape)

    def to_cells(self, xy: Tensor) -> Tensor:
        """Meters [..., 2] to cells, not rounded."""
        return torch.stack([(xy[..., axis] - self.origin[axis]) / self.cell[axis]
                            for axis in range(2)], dim=-1)

    def to_meters(self, cells: Tensor) -> Tensor:
        """Cells [..., 2], not rounded, to meters."""
        return torch.stack([cells[..., axis] * self.cell[axis] + self.origin[axis]
                            for axis in range(2)], dim=-1)

    def sizes_in_cells(self, boxes: Tensor) -> Tensor:
        """dx, dy of boxes [..., >= 5] in cells, [..., 2]."""
        return torch.stack([boxes[..., 3 + axis] / self.cell[axis] for axis in range(2)], dim=-1)

    def clamped(self, cells: Tensor) -> Tensor:
        """Cells [..., 2] moved into the grid, at most half a cell from its upper end."""
        return torch.stack([cells[..., axis].clamp(0, self.shape[axis] - 0.5)
                            for axis in range(2)], dim=-1)

    def columns_and_rows(self, index: Tensor) -> Tensor:
        """Column and row [..., 2] of cells that are counted row by row."""
        width = self.shape[0]
        return torch.stack([index % width, index.div(width, rounding_mode='floor')], dim=-1)


def cell_centers(bev: Tensor) -> Tensor:  # [B, C, H, W] -> [H * W, 2]  x, y in cells
    """Centers of all cells of a map, row by row."""
    y, x = torch.meshgrid(*(torch.arange(size, device=bev.device) for size in bev.shape[-2:]),
                          indexing='ij')
    return (torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5).to(bev.dtype)
