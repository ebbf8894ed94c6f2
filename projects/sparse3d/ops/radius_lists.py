"""Ball query of batches: the first few points in a shell around each query."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.ops.neighbor_lists import reference_lists
from sparse3d.ops.pair_chunks import PAIRS_AT_ONCE, row_chunks, squared_distances


def radius_lists(
        points: Tensor,     # [N, 3] meters
        queries: Tensor,    # [M, 3] meters
        radius: float,
        limit: int,
        min_radius: float = 0.0,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:  # [M, limit] int64 rows of points, [M] bool: nothing there
    """List, for each query, the first ``limit`` points at ``min_radius`` <= distance < ``radius``.

    First means lowest rows. A point where the query is counts whatever ``min_radius`` is. A list
    that is too short repeats its first entry; a query without any point lists row 0 and is marked.
    Unlike :func:`sparse3d.ops.ball_query.ball_query` it compares all pairs of one sample, a bounded
    number at a time, with the rounding of mmcv's kernel (radii squared in float32).

    Args:
        backend: ``'auto'`` and ``'chunks'`` or ``'reference'`` (a loop over the queries).

    Raises:
        ValueError: for an unknown backend.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2; the shell of 3DSSD (CVPR 2020).
    """
    if backend not in ('auto', 'chunks', 'reference'):
        raise ValueError(f"backend is 'auto', 'chunks' or 'reference', not {backend!r}")
    points, queries = points.detach(), queries.detach()
    near = _nearness(points, queries, radius, min_radius)
    if backend == 'reference':
        return reference_lists(near(slice(None)), torch.arange(len(points)), limit)
    rows = torch.zeros(len(queries), limit, dtype=torch.long, device=queries.device)
    found = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    for part in row_chunks(len(queries), len(points), pairs_at_once):
        query, point = near(part).nonzero().unbind(1)        # by query, then by row
        counts = torch.bincount(query, minlength=part.stop - part.start)
        place = torch.arange(len(query), device=query.device) - (counts.cumsum(0) - counts)[query]
        listed = place < limit
        rows[part].index_put_((query[listed], place[listed]), point[listed])
        found[part] = counts
    filled = torch.arange(limit, device=rows.device) < found[:, None]
    return torch.where(filled, rows, rows[:, :1]), found == 0


def _nearness(points: Tensor, queries: Tensor, radius: float,
              min_radius: float) -> Callable[[slice], Tensor]:
    outer, inner = (torch.tensor(value, dtype=torch.float32).square().to(points.dtype)
                    for value in (radius, min_radius))

    def near(part: slice) -> Tensor:  # [m, N] bool
        distance = squared_distances(queries[part], points)
        inside = distance < outer
        if min_radius > 0:
            inside &= (distance >= inner) | (distance == 0)
        return inside
    return near
