"""Sparse maps that grow to squares around their cells, without a dense map."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.ops.cells import cell_columns, cell_coordinates, cell_keys, distinct_keys


def grown_map(cells: SparseConvTensor, members: Sequence[Tensor],
              sizes: Sequence[int]) -> SparseConvTensor:
    """A sparse map with new cells of zeros around its own; rows by sample, y, x.

    Args:
        members: for each size which cells grow, [N] bool.
        sizes: sides of the squares in cells, odd.
    """
    shape = [int(extent) for extent in cells.spatial_shape]
    own = cell_keys(cells.indices.long().unbind(1), shape)
    grown = [dilated_keys(own[chosen], size, shape)
             for chosen, size in zip(members, sizes, strict=True)]
    keys, rows = distinct_keys(torch.cat([own, *grown]))
    features = cells.features.new_zeros(len(keys), cells.features.shape[1])
    features = features.index_copy(0, rows[:len(own)], cells.features)
    return SparseConvTensor(features, cell_coordinates(keys, shape), shape, cells.batch_size)


def ringed_map(cells: SparseConvTensor) -> SparseConvTensor:
    """The map with all neighbors of its cells.

    Submanifold convolutions on it are what strided ones (kernel 3, stride 1, padding 1) are
    on the map itself, and share one table.
    """
    everywhere = torch.ones(len(cells.indices), dtype=torch.bool, device=cells.indices.device)
    return grown_map(cells, [everywhere], [3])


def dilated_keys(
        keys: Tensor,           # [N] int64 of cells (sample, y, x)
        size: int,              # side of the square in cells, odd
        shape: Sequence[int],   # cells along y, x
) -> Tensor:                    # [M] int64, rising
    """Keys of all cells of the map that a square around one of the cells holds.

    What a dense 0/1 map would be after max pooling of this size and stride 1; work and memory
    grow with the cells.
    """
    reach = torch.arange(size, device=keys.device) - size // 2
    for axis in (2, 1):
        columns = [column[:, None] for column in cell_columns(keys, shape)]
        columns[axis] = columns[axis] + reach
        inside = (columns[axis] >= 0) & (columns[axis] < shape[axis - 1])
        keys, _ = distinct_keys(cell_keys(columns, shape)[inside])
    return keys
