"""RoI-aware pooling: the points of each proposal, pooled in a grid of its own."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.box_members import box_members, local_offsets
from sparse3d.ops.cells import (
    group_counts,
    max_groups,
    min_groups,
    ranks_in_order,
    sort_keys,
    sum_groups,
)

MODES = ('max', 'avg')


class PooledCells(NamedTuple):
    """What the cells of the proposals hold. V = X * Y * Z cells, x slowest."""

    features: Tensor  # [R, V, C], zero in empty cells
    argmax: Tensor    # [R, V, C] int64 row of the point of the maximum, -1: none; mode 'max'
    points: Tensor    # [R, V, 1 + P] int64: how many, then their rows, ascending; then zeros


def roi_aware_pool(
        boxes: Tensor,          # [R, 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        points: Tensor,         # [N, 3]
        features: Tensor,       # [N, C]
        grid: tuple[int, int, int],
        max_points: int,
        mode: str = 'max',
        backend: str = 'auto',
) -> PooledCells:
    """Maximum or mean of the first ``max_points`` points (lowest rows) of each cell.

    Of equal maxima the lowest row counts. NaN and minus infinity are no maxima.

    Args:
        grid: cells along the length, the width and the height of a box.
        backend: ``'auto'``, ``'fast'`` (sorted pairs) or ``'reference'`` (a loop over the cells).

    Raises:
        ValueError: for an unknown mode.
        BackendUnavailable: for another backend.

    Source: Shi et al., Part-A2 (TPAMI 2020), section 3.3.
    """
    if mode not in MODES:
        raise ValueError(f'mode is one of {MODES}, not {mode!r}')
    backend = choose_backend('roi_aware_pool', backend)
    cells = len(boxes) * grid[0] * grid[1] * grid[2]
    box, point = box_members(points, boxes)
    cell = box * (grid[0] * grid[1] * grid[2]) + _cells(points[point], boxes[box], grid)
    cell, order = sort_keys(cell)                                      # rows stay ascending
    point = point[order]
    counts = group_counts(cell, cells)
    place = ranks_in_order(cell, counts)
    listed = (place < max_points).nonzero().squeeze(1)
    cell, point, place = cell[listed], point[listed], place[listed]
    lists = torch.zeros(cells, 1 + max_points, dtype=torch.long, device=points.device)
    lists[:, 0] = counts.clamp(max=max_points)
    lists[cell, place + 1] = point
    if backend == 'reference':
        pooled, argmax = _reference(features, lists, mode)
    else:
        pool = _maximum if mode == 'max' else _mean
        pooled, argmax = pool(features, lists, cell, point)
    shape = (len(boxes), cells // max(len(boxes), 1))
    return PooledCells(*(table.view(*shape, table.shape[1]) for table in (pooled, argmax, lists)))


def _cells(points: Tensor, boxes: Tensor, grid: tuple[int, int, int]) -> Tensor:  # [K] int64
    along, across = local_offsets(points, boxes)
    cell = torch.zeros(len(points), dtype=torch.long, device=points.device)
    offsets = (along + boxes[:, 3] / 2, across + boxes[:, 4] / 2, points[:, 2] - boxes[:, 2])
    for axis, (offset, number) in enumerate(zip(offsets, grid, strict=True)):
        place = (offset / (boxes[:, 3 + axis] / number)).nan_to_num_(0)
        cell = cell * number + place.clamp_(0, number - 1).long()
    return cell


def _maximum(features: Tensor, lists: Tensor, cell: Tensor,
             point: Tensor) -> tuple[Tensor, Tensor]:
    values = features.detach()[point]
    values = values.masked_fill(values.isnan(), -torch.inf)
    pooled = max_groups(values, cell, len(lists), empty=-torch.inf)
    attains = (values == pooled[cell]) & ~values.isneginf()
    candidates = torch.where(attains, point[:, None], len(features))
    argmax = min_groups(candidates, cell, len(lists), empty=len(features))
    return pooled.masked_fill(pooled.isneginf(), 0), argmax.masked_fill(argmax == len(features), -1)


def _mean(features: Tensor, lists: Tensor, cell: Tensor,
          point: Tensor) -> tuple[Tensor, Tensor]:
    total = sum_groups(features.detach()[point], cell, len(lists))
    return total / lists[:, :1].clamp(min=1), torch.zeros_like(total, dtype=torch.long)


def _reference(features: Tensor, lists: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """The definition, one cell after the other."""
    pooled = features.new_zeros(len(lists), features.shape[1])
    argmax = torch.full_like(pooled, -1 if mode == 'max' else 0, dtype=torch.long)
    for cell, (count, *rows) in enumerate(lists.tolist()):
        values = features.detach()[rows[:count]]
        if count and mode == 'avg':
            pooled[cell] = values.mean(0)
        elif count:
            values = values.nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
            best, place = values.max(0)
            there = ~best.isneginf()
            pooled[cell, there] = best[there]
            argmax[cell, there] = torch.tensor(rows, device=place.device)[place][there]
    return pooled, argmax


def roi_aware_pool_backward(
        grad: Tensor,           # [R, V, C]
        cells: PooledCells,     # of the forward pass; its features are not used
        points: int,
        mode: str = 'max',
) -> Tensor:                    # [points, C]
    """Gradient of :func:`roi_aware_pool` for the features of the points."""
    total = grad.new_zeros(points, grad.shape[2])
    if mode == 'max':
        argmax, grad = cells.argmax.flatten(0, 1), grad.flatten(0, 1)
        there = argmax >= 0
        return total.scatter_add_(0, argmax.clamp(min=0), grad * there) if points else total
    lists = cells.points.flatten(0, 1)
    counts = lists[:, 0]
    within = torch.arange(lists.shape[1] - 1, device=lists.device) < counts[:, None]
    cell, place = within.nonzero().unbind(1)
    share = grad.flatten(0, 1) / counts[:, None].clamp(min=1)
    return total.index_add_(0, lists[cell, place + 1], share[cell])
