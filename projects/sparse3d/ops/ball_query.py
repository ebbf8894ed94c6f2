"""The first few points within a radius of each query."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.neighbor_lists import PAIRS_AT_ONCE, first_neighbors, reference_lists


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
        backend: ``'auto'`` and ``'cells'`` (any device) or ``'reference'`` (all distances).
        pairs_at_once: candidates that are compared at a time, which bounds the memory.

    Raises:
        ValueError: for an unknown backend.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2; order as in OpenPCDet.
    """
    if backend not in ('auto', 'cells', 'reference'):
        raise ValueError(f"backend is 'auto', 'cells' or 'reference', not {backend!r}")
    points, queries = points.detach().float(), queries.detach().float()
    if backend == 'reference':
        near = ((queries[:, None] - points[None]).square().sum(2) < radius ** 2) \
            & (query_sample[:, None] == point_sample[None])
        return reference_lists(near, torch.arange(len(points)), limit)
    if len(points) == 0:
        empty = torch.ones(len(queries), dtype=torch.bool, device=queries.device)
        return query_sample.new_zeros(len(queries), limit), empty
    lowest = points.amin(0)
    cells = ((points - lowest) / radius).floor().long()
    sizes = cells.amax(0) + 1
    wanted = ((queries - lowest) / radius).floor().long()
    sorted_keys, order = _keys(cells, point_sample, sizes).sort(stable=True)
    begin, end = _runs(wanted, query_sample, sizes, sorted_keys)

    def near(query: Tensor, candidate: Tensor) -> Tensor:
        return (queries[query] - points[candidate]).square().sum(1) < radius ** 2

    return first_neighbors(begin, end, order, near, limit, by_row=True,
                           pairs_at_once=pairs_at_once)


def _keys(cells: Tensor, sample: Tensor, sizes: Tensor) -> Tensor:
    x, y, z = cells.unbind(-1)
    return ((sample * sizes[2] + z) * sizes[1] + y) * sizes[0] + x


def _runs(wanted: Tensor, sample: Tensor, sizes: Tensor,
          sorted_keys: Tensor) -> tuple[Tensor, Tensor]:
    """Three cells along x are one run of keys; nine rows of them surround a query."""
    steps = torch.tensor([(y, z) for z in (-1, 0, 1) for y in (-1, 0, 1)], device=wanted.device)
    rows = wanted[:, None, 1:] + steps                                  # [M, 9, 2]
    left = (wanted[:, :1] - 1).clamp(min=0)
    right = torch.minimum(wanted[:, :1] + 1, sizes[0] - 1)
    outside = ((rows < 0) | (rows >= sizes[1:])).any(2) | (right < left)
    rows = torch.minimum(rows.clamp(min=0), sizes[1:] - 1)
    start = _keys(torch.cat([torch.zeros_like(rows[..., :1]), rows], 2), sample[:, None], sizes)
    begin = torch.searchsorted(sorted_keys, start + left)
    end = torch.searchsorted(sorted_keys, start + right, right=True)
    return begin, torch.where(outside, begin, end)
