"""The first few points within a radius of each query."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import cell_keys, neighbor_runs, sort_keys
from sparse3d.ops.neighbor_lists import PAIRS_AT_ONCE, first_neighbors, reference_lists

MAX_CELLS = 1 << 13  # along an axis; 2 ** 39 in all leave room for 2 ** 24 samples
BEYOND = 4           # cells outside the grid, for whatever is far from it
MARGIN = 1.002       # cells over the radius, more than rounding at that many cells


def ball_query(
        points: Tensor,         # [N, 3] meters
        point_sample: Tensor,   # [N] int64
        queries: Tensor,        # [M, 3] meters
        query_sample: Tensor,   # [M] int64
        radius: float,
        limit: int,
        min_radius: float = 0.0,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:     # [M, limit] int64 rows of points, [M] bool: nothing there
    """List, for each query, the first ``limit`` points of its sample nearer than ``radius``.

    First means lowest rows. A list that is too short repeats its first entry; a query
    without any point lists row 0 and is marked. A point that is not finite is near nothing.
    Points are found through a grid of cells as large as the radius; no table of all queries and
    points is built. Radii are squared in float32, as in the kernels of mmcv and OpenPCDet.

    Args:
        min_radius: points nearer than it are passed over, but for those at the query's own place.
        backend: ``'auto'``, ``'fast'`` (a grid of cells) or ``'reference'`` (all distances).
        pairs_at_once: candidates that are compared at a time, which bounds the memory.

    Raises:
        BackendUnavailable: for another backend.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2; order as in OpenPCDet;
    the shell of 3DSSD (CVPR 2020).
    """
    backend = choose_backend('ball_query', backend)
    points, queries = _computable(points.detach()), _computable(queries.detach())
    if backend == 'reference':
        table = _inside(queries[:, None] - points[None], radius, min_radius) \
            & (query_sample[:, None] == point_sample[None])
        return reference_lists(table, torch.arange(len(points)), limit)
    if len(points) == 0:
        empty = torch.ones(len(queries), dtype=torch.bool, device=queries.device)
        return query_sample.new_zeros(len(queries), limit), empty
    there = points.isfinite()
    lowest = points.where(there, torch.inf).amin(0)
    highest = points.where(there, -torch.inf).amax(0)
    # At least the radius, so that a step to each side is enough; at most MAX_CELLS along an axis,
    # so that keys fit without asking the device how far the points reach.
    size = ((highest - lowest) / MAX_CELLS).clamp(min=MARGIN * radius)

    def cells_of(positions: Tensor) -> Tensor:  # [.., 3] z, y, x
        cells = ((positions - lowest) / size).floor().nan_to_num(0)
        return cells.clamp(-BEYOND, MAX_CELLS + BEYOND).long().flip(1)

    cells = cells_of(points).clamp(min=0)                           # [N, 3]
    wanted = cells_of(queries)
    grid = cells.amax(0) + 1
    sorted_keys, order = sort_keys(cell_keys((point_sample, *cells.unbind(1)), grid))
    begin, end = neighbor_runs(sorted_keys, query_sample, wanted, grid, (1, 1, 1))

    def near(query: Tensor, candidate: Tensor) -> Tensor:
        return _inside(queries[query] - points[candidate], radius, min_radius)

    return first_neighbors(begin, end, order, near, limit, by_row=True,
                           pairs_at_once=pairs_at_once)


def _inside(offset: Tensor, radius: float, min_radius: float) -> Tensor:  # [.., 3] -> [..] bool
    """Whether points lie in the shell; a NaN lies nowhere."""
    distance = offset.square().sum(-1)
    outer, inner = (float(np.square(np.float32(limit))) for limit in (radius, min_radius))
    near = distance < outer
    return near & ((distance >= inner) | (distance == 0)) if min_radius > 0 else near


def _computable(positions: Tensor) -> Tensor:
    return positions if positions.dtype == torch.float64 else positions.float()
