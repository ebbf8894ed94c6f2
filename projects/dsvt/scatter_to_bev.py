"""Voxels laid out as a BEV map."""
from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sparse3d.ops.cells import cell_keys


def scatter_to_bev(
        features: Tensor,     # [M, C]
        coordinates: Tensor,  # [M, 4]  sample, z, y, x; no two alike in sample, y, x
        batch_size: int,
        grid: Sequence[int],  # x, y, ...
) -> Tensor:                  # [B, C, y, x]
    """Put each voxel in its cell; the others are zero."""
    return lay_out(features, map_cells(coordinates, grid), batch_size, grid)


def map_cells(coordinates: Tensor, grid: Sequence[int]) -> Tensor:
    """Number of each voxel's cell among those of all samples, row by row: [M, 4] -> [M]."""
    sample, _, y, x = coordinates.unbind(1)
    return cell_keys((sample, y, x), (grid[1], grid[0]))


def lay_out(features: Tensor, cells: Tensor, batch_size: int, grid: Sequence[int]) -> Tensor:
    """[M, C] at ``cells`` -> [B, C, y, x]."""
    width, height = grid[0], grid[1]
    canvas = features.new_zeros((batch_size * height * width, features.shape[1]))
    canvas = canvas.index_copy(0, cells, features)
    return canvas.view(batch_size, height, width, -1).permute(0, 3, 1, 2).contiguous()
