"""Which columns of a point cloud are hidden from an encoder that is pre-trained."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.errors import ConfigError
from sparse3d.ops.cells import cell_coordinates, cell_keys, distinct_keys, ranks_in_groups


@dataclass(frozen=True)
class ColumnGrid:
    """Columns of the whole height: the cells of an encoder's BEV map.

    Attributes:
        voxel_size: x, y, z in meters.
        point_cloud_range: x, y, z minimum, x, y, z maximum in meters, LiDAR frame.
        stride: voxels along a side of a column.
        shape: columns along y and x, those of the map.
    """

    voxel_size: Sequence[float]
    point_cloud_range: Sequence[float]
    stride: int
    shape: Sequence[int]

    @property
    def size(self) -> tuple[float, float]:
        """x, y in meters of a column."""
        return self.voxel_size[0] * self.stride, self.voxel_size[1] * self.stride

    def columns_of(self, coordinates: Tensor) -> Tensor:
        """Columns [N, 3] int64 (sample, y, x) of voxels [N, 4] (sample, z, y, x)."""
        sample, _, y, x = coordinates.long().unbind(1)
        rows, columns = self.shape
        return torch.stack([sample, (y // self.stride).clamp(max=rows - 1),
                            (x // self.stride).clamp(max=columns - 1)], dim=1)


class ColumnMask(NamedTuple):
    """What is hidden of a batch.

    Attributes:
        cells: [M, 3] int64 sample, y, x: columns that hold something, in rising order.
        masked: [M] bool: hidden columns.
        cell_of_voxel: [N] int64 row of ``cells`` for each voxel.
    """

    cells: Tensor
    masked: Tensor
    cell_of_voxel: Tensor


def draw_column_mask(
        columns: Tensor,           # [N, 3] int64  sample, y, x of each voxel
        shape: Sequence[int],      # columns along y and x
        ratio: float,              # share of the columns that is hidden
        generator: torch.Generator | None = None,
        share_of_batch: bool = False,
) -> ColumnMask:
    """Draw which of the columns that hold something are hidden.

    Of n columns of a sample ``int((1 - ratio) n)`` stay, whatever the draw.

    Args:
        generator: on the CPU, so that a draw is the same on every device.
        share_of_batch: the share holds over the whole batch, as published; that of a sample then
            varies.

    Raises:
        ConfigError: for a ratio that is none.

    Source: BEV-MAE (AAAI 2024, arXiv 2212.05758), section 3.2.
    """
    if not 0 <= ratio <= 1:
        raise ConfigError(f'the share of hidden columns is {ratio}; it lies between 0 and 1')
    keys, place = distinct_keys(cell_keys(columns.unbind(1), shape))
    cells = cell_coordinates(keys, shape).long()
    groups = torch.zeros_like(keys) if share_of_batch else cells[:, 0]
    count = int(groups.max()) + 1 if len(groups) else 0
    drawn = torch.rand(len(keys), generator=generator).to(keys.device).argsort()
    order = drawn[groups[drawn].argsort(stable=True)]
    rank = ranks_in_groups(groups, count, order)
    columns_of_group = torch.bincount(groups, minlength=count)
    kept = ((1 - ratio) * columns_of_group.double() + 1e-9).long()  # 0.3 of 10 is 3, not 2.99
    return ColumnMask(cells, rank >= kept[groups], place)
