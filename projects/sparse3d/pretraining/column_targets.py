"""What a masked encoder has to tell of a hidden column: its points and how many there are."""
from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.ops.cells import cell_keys, ranks_in_groups
from sparse3d.ops.voxelization import voxel_coordinates
from sparse3d.pretraining.column_masks import ColumnGrid, ColumnMask

DENSE_COLUMN = 64  # points; density 1


class ColumnPoints(NamedTuple):
    """Points of columns.

    Attributes:
        points: [M, P, 3] x and y from the column's center in columns, z in heights of the range.
        valid: [M, P] bool: places that hold a point.
    """

    points: Tensor
    valid: Tensor


def column_points(
        points: list[Tensor],          # B x [N, C]  x, y, z first, meters, LiDAR frame
        cells: Tensor,                 # [M, 3] int64  sample, y, x, in rising order
        grid: ColumnGrid,
        max_points: int = 30,
        generator: torch.Generator | None = None,
        height_from_zero: bool = False,
) -> ColumnPoints:
    """Up to ``max_points`` points of each column, drawn at random; those out of range are left out.

    Args:
        generator: on the CPU.
        height_from_zero: z counts from the sensor, as published, not from the range's middle.

    Source: BEV-MAE (AAAI 2024), section 3.3.
    """
    limits = torch.tensor(grid.point_cloud_range, dtype=torch.float32, device=cells.device)
    low, extent = limits[:3], limits[3:] - limits[:3]
    size = torch.tensor([*grid.size, float(extent[2])], device=cells.device)
    xyz = torch.cat([low.new_zeros(0, 3), *(each[:, :3].float() for each in points)])
    coordinates = torch.cat([cells.new_zeros(0, 4), *(
        F.pad(voxel_coordinates(each, grid.voxel_size, grid.point_cloud_range).long(), (1, 0),
              value=number) for number, each in enumerate(points))])
    inside = (coordinates >= 0).all(1)
    shuffled = torch.randperm(int(inside.sum()), generator=generator).to(xyz.device)
    xyz, columns = xyz[inside][shuffled], grid.columns_of(coordinates[inside][shuffled])
    targets = ColumnPoints(xyz.new_zeros(len(cells), max_points, 3),
                           torch.zeros(len(cells), max_points, dtype=torch.bool,
                                       device=cells.device))
    if not len(cells):
        return targets
    known, wanted = (cell_keys(each.unbind(1), grid.shape) for each in (cells, columns))
    row = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
    found = known[row] == wanted
    row, xyz = row[found], xyz[found]
    rank = ranks_in_groups(row, len(cells))
    kept = rank < max_points
    row, rank, xyz = row[kept], rank[kept], xyz[kept]
    targets.points[row, rank] = _from_column(xyz, cells[row], low, size, height_from_zero)
    targets.valid[row, rank] = True
    return targets


def _from_column(xyz: Tensor, cells: Tensor, low: Tensor, size: Tensor,
                 height_from_zero: bool) -> Tensor:
    """Points [N, 3] by their columns' centers and sizes."""
    centers = low[:2] + (cells[:, [2, 1]] + 0.5) * size[:2]
    middle = torch.zeros_like(low[2]) if height_from_zero else low[2] + size[2] / 2
    return torch.cat([(xyz[:, :2] - centers) / size[:2],
                      ((xyz[:, 2:] - middle) / size[2])], dim=1)


def column_density(
        mask: ColumnMask,
        points_of_voxel: Tensor,  # [N]
        max_points: int = 5,
) -> Tensor:                      # [M] float32
    """Points of each column over 64, of one voxel at most ``max_points``.

    Source: BEV-MAE (AAAI 2024), section 3.3.
    """
    counted = points_of_voxel.float().clamp(max=max_points)
    total = counted.new_zeros(len(mask.cells)).index_add_(0, mask.cell_of_voxel, counted)
    return total / DENSE_COLUMN

