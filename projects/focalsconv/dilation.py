"""Which voxels are foreground, and where the foreground grows."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.cells import (
    cell_columns,
    cell_coordinates,
    cell_keys,
    distinct_keys,
    group_counts,
    max_groups,
    order_of_keys,
    ranks_in_groups,
    sum_groups,
)
from sparse3d.ops.constants import constant

GridShape = Sequence[int]  # cells along z, y, x


@dataclass(frozen=True)
class Dilation:
    """The voxel set after dilation, its rows ordered by (sample, z, y, x)."""

    coordinates: Tensor  # [M, 4] int32 (sample, z, y, x), no two alike
    rows: Tensor         # [N] int64, row of each input voxel in the new set
    weights: Tensor      # [N] float32, mean importance that points at the voxel; 1 for background
    pointed_at: Tensor   # [N] bool, some foreground voxel has an important neighbor there


def rank_in_sample(scores: Tensor, sample: Tensor, keys: Tensor, batch_size: int) -> Tensor:
    """Position of each row among its sample's rows by falling score, ties by rising key.

    All samples are ranked by two stable sorts; the result does not depend on the order
    of the rows.

    Args:
        scores: [N] float32, not negative.
        sample: [N] int64.
        keys: [N] int64.

    Returns:
        [N] int64, 0 for the highest score of a sample.
    """
    order = order_of_keys(keys)
    # The bits of floats that are not negative rise with them: one integer holds both criteria.
    falling = (sample << 32) + (2 ** 31 - scores.float().contiguous().view(torch.int32).long())
    order = order[order_of_keys(falling[order])]
    return ranks_in_groups(sample, batch_size, order)


def select_foreground(
        importance: Tensor,   # [N] float32 in [0, 1]
        sample: Tensor,       # [N] int64
        keys: Tensor,         # [N] int64
        batch_size: int,
        top_k: bool,
        threshold: float,
) -> Tensor:                  # [N] bool
    """Mark the voxels that are important enough to grow.

    Args:
        top_k: take of each sample the floor(N_b * threshold) most important voxels, otherwise
            all whose importance exceeds ``threshold``.
    """
    if not top_k:
        return importance > threshold
    quota = (group_counts(sample, batch_size).double() * threshold).floor().long()
    return rank_in_sample(importance, sample, keys, batch_size) < quota[sample]


def important_neighbors(
        coordinates: Tensor,      # [F, 4] int32, foreground voxels
        keys: Tensor,             # [F] int64
        neighbor_scores: Tensor,  # [F, K-1] float32
        offsets: Tensor,          # [K-1, 3] int32
        spatial_shape: GridShape,
        threshold: float,
        lowest_index: int = 0,
) -> tuple[Tensor, Tensor]:       # [P] int64, [P] float32
    """Grid cells that foreground voxels ask for, once per asking voxel.

    Cells outside the grid, or below ``lowest_index`` on any axis, are dropped.

    Returns:
        the keys of the cells and the importance that each was asked with.
    """
    wanted = neighbor_scores.detach() >= threshold
    _forbid_outside(wanted, coordinates[:, 1:], offsets, spatial_shape, lowest_index)
    index = wanted.flatten().nonzero().squeeze(1)
    steps = cell_keys((torch.zeros_like(offsets[:, 0]), *offsets.unbind(1)), spatial_shape)
    candidates = (keys.unsqueeze(1) + steps).flatten()
    return candidates.index_select(0, index), neighbor_scores.flatten().index_select(0, index)


def _forbid_outside(wanted: Tensor, cells: Tensor, offsets: Tensor, spatial_shape: GridShape,
                    lowest_index: int) -> None:
    """Clear ``wanted`` [F, K-1] where a step leaves the grid; looks only near the borders."""
    upper = constant(spatial_shape, cells)
    reach = offsets.amax()
    near = ((cells < lowest_index + reach) | (cells >= upper - reach)).any(1).nonzero().squeeze(1)
    reached = cells[near].unsqueeze(1) + offsets
    wanted[near] &= ((reached >= lowest_index) & (reached < upper)).all(2)


def merge(
        keys: Tensor,             # [N] int64, no two alike
        is_foreground: Tensor,    # [N] bool
        candidate_keys: Tensor,   # [P] int64
        importance: Tensor,       # [P] float32
        spatial_shape: GridShape,
        max_dilation: float | None = None,
        batch_size: int = 1,
) -> Dilation:
    """Join voxels with the cells they ask for, each cell once.

    The weight of a foreground voxel is the mean over 1 (itself) and the importance of
    every neighbor that points at it.

    Args:
        max_dilation: a sample of N_b voxels gains at most floor(N_b * max_dilation), those asked
            for with the highest importance; None for all.
    """
    # Sorting and dividing are most of the work, and on a GPU 32 bits take two thirds of the time.
    cells = batch_size * math.prod(int(size) for size in spatial_shape)
    number = torch.int32 if cells < 2 ** 31 else torch.int64
    merged, slot = distinct_keys(torch.cat([keys.to(number), candidate_keys.to(number)]))
    rows, candidates = slot[:len(keys)], slot[len(keys):]
    candidate_counts = group_counts(candidates, len(merged))[rows]
    total = sum_groups(importance, candidates, len(merged)).index_select(0, rows)
    weights = torch.where(
        is_foreground, (1 + total) / (1 + candidate_counts), torch.ones_like(total)
    )
    if max_dilation is not None:
        strongest = max_groups(importance.detach(), candidates, len(merged))
        kept = _strongest(merged, rows, strongest, spatial_shape, max_dilation, batch_size)
        merged, rows = merged[kept], (kept.cumsum(0) - 1)[rows]
    return Dilation(cell_coordinates(merged, spatial_shape), rows, weights, candidate_counts > 0)


def _strongest(merged: Tensor, rows: Tensor, strongest: Tensor, spatial_shape: GridShape,
               max_dilation: float, batch_size: int) -> Tensor:
    """Mark the old voxels and, in each sample, the new ones asked for most strongly."""
    sample = cell_columns(merged, spatial_shape)[0].long()
    old = group_counts(sample[rows], batch_size)
    quota = old + (old.double() * max_dilation).floor().long()
    scores = strongest.index_fill(0, rows, torch.inf)
    return rank_in_sample(scores, sample, merged, batch_size) < quota[sample]
