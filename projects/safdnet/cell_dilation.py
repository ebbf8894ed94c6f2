"""Sparse maps that grow to squares around their cells, without a dense map."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.ops.cells import cell_columns, cell_coordinates, cell_keys, distinct_keys, max_groups


def grown_map(cells: SparseConvTensor, members: Sequence[Tensor],
              sizes: Sequence[int]) -> SparseConvTensor:
    """A sparse map with new cells of zeros around its own; rows by sample, y, x.

    Args:
        members: for each size which cells grow, [N] bool.
        sizes: sides of the squares in cells, odd.
    """
    shape = [int(extent) for extent in cells.spatial_shape]
    own = cell_keys(cells.indices.long().unbind(1), shape)
    largest = torch.ones_like(own)   # squares around a cell lie in each other
    for chosen, size in zip(members, sizes, strict=True):
        largest = torch.where(chosen, largest.clamp(min=size), largest)
    keys = dilated_keys(own, largest, max(sizes), shape)
    features = cells.features.new_zeros(len(keys), cells.features.shape[1])
    features = features.index_copy(0, torch.searchsorted(keys, own), cells.features)
    return SparseConvTensor(features, cell_coordinates(keys, shape), shape, cells.batch_size)


def ringed_map(cells: SparseConvTensor) -> SparseConvTensor:
    """The map with all neighbors of its cells.

    Submanifold convolutions on it are what strided ones (kernel 3, stride 1, padding 1) are
    on the map itself, and share one table.
    """
    everywhere = torch.ones(len(cells.indices), dtype=torch.bool, device=cells.indices.device)
    return grown_map(cells, [everywhere], [3])


def dilated_keys(
        keys: Tensor,           # [N] int64 of cells (sample, y, x), no two alike
        sizes: Tensor,          # [N] int64  side of the square around each in cells, odd
        largest: int,           # of the sizes
        shape: Sequence[int],   # cells along y, x
) -> Tensor:                    # [M] int64, rising
    """Keys of all cells of the map that a square around one of the cells holds.

    What a dense 0/1 map would be after max pooling of these sizes and stride 1; work and memory
    grow with the cells. Along x first: of cells that fall together the largest square counts.
    """
    steps = torch.arange(largest, device=keys.device) - largest // 2
    for axis in (2, 1):
        columns = [column[:, None] for column in cell_columns(keys, shape)]
        columns[axis] = columns[axis] + steps
        reached = (columns[axis] >= 0) & (columns[axis] < shape[axis - 1]) & (
            steps.abs() <= sizes[:, None] // 2)
        # What is not reached counts as the cell itself: a mask would be waited for.
        spread = torch.where(reached, cell_keys(columns, shape), keys[:, None]).flatten()
        keys, rows = distinct_keys(spread)
        sizes = max_groups(sizes[:, None].expand(-1, largest).flatten(), rows, len(keys), 1)
    return keys
