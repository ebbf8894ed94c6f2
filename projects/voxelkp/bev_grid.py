"""The grid on the ground that people are found on."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.errors import ConfigError


@dataclass(frozen=True)
class BEVGrid:
    """Cells on the ground: column ``i`` begins at ``origin[0] + i * cell[0]``.

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
        return (xy - xy.new_tensor(self.origin)) / xy.new_tensor(self.cell)

    def to_meters(self, cells: Tensor) -> Tensor:
        """Cells [..., 2], not rounded, to meters."""
        return cells * cells.new_tensor(self.cell) + cells.new_tensor(self.origin)

    def clamped(self, cells: Tensor) -> Tensor:
        """Cells [..., 2] moved into the grid, at most half a cell from its upper end."""
        limit = torch.tensor(self.shape, dtype=cells.dtype, device=cells.device) - 0.5
        return torch.minimum(cells.clamp(min=0), limit)
