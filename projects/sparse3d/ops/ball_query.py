"""The first few points within a radius of each query."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import cell_keys, neighbor_runs, sort_keys
from sparse3d.ops.neighbor_lists import PAIRS_AT_ONCE, first_neighbors, reference_lists

MAX_CELLS = 1 << 13  # along an axis; 2 ** 39 in all leave room for 2 ** 24 samples
MARGIN = 1.002       # cells over the radius, more than rounding at that many cells


def ball_query(
        points: Tensor,         # [N, 3] meters
        point_sample: Tensor,   # [N] int64
        queries: Tensor,        # [M, 3] meters
        query_sample: Tensor,   # [M] int64
        radius: float,
        limit: int,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:     # [M, limit] int64 rows of points, [M] bool: nothing there
    """List, for each query, the first ``limit`` points of its sample nearer than ``radius``.

    First means lowest rows. A list that is too short repeats its first entry; a query
    without any point lists row 0 and is marked. Points are found through a grid of cells as
    large as the radius; no table of all queries and points is built.

    Args:
        backend: ``'auto'``, ``'fast'`` (a grid of cells) or ``'reference'`` (all distances).
        pairs_at_once: candidates that are compared at a time, which bounds the memory.

    Raises:
        BackendUnavailable: for another backend.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2; order as in OpenPCDet.
    """
    backend = choose_backend('ball_query', backend)
    points, queries = points.detach().float(), queries.detach().float()
    if backend == 'reference':
        near = ((queries[:, None] - points[None]).square().sum(2) < radius ** 2) \
            & (query_sample[:, None] == point_sample[None])
        return reference_lists(near, torch.arange(len(points)), limit)
    if len(points) == 0:
        empty = torch.ones(len(queries), dtype=torch.bool, device=queries.device)
        return query_sample.new_zeros(len(queries), limit), empty
    lowest = points.amin(0)
    # At least the radius, so that a step to each side is enough; at most MAX_CELLS along an axis,
    # so that keys fit without asking the device how far the points reach.
    size = ((points.amax(0) - lowest) / MAX_CELLS).clamp(min=MARGIN * radius)
    cells = ((points - lowest) / size).floor().long().flip(1)       # [N, 3]  z, y, x
    wanted = ((queries - lowest) / size).floor().long().flip(1)
    grid = cells.amax(0) + 1
    sorted_keys, order = sort_keys(cell_keys((point_sample, *cells.unbind(1)), grid))
    begin, end = neighbor_runs(sorted_keys, query_sample, wanted, grid, (1, 1, 1))

    def near(query: Tensor, candidate: Tensor) -> Tensor:
        return (queries[query] - points[candidate]).square().sum(1) < radius ** 2

    return first_neighbors(begin, end, order, near, limit, by_row=True,
                           pairs_at_once=pairs_at_once)
