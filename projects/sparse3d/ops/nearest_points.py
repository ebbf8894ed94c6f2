"""The k nearest points of each query."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.pair_chunks import PAIRS_AT_ONCE, row_chunks, squared_distances


def nearest_points(
        points: Tensor,     # [N, 3] meters
        queries: Tensor,    # [M, 3] meters
        count: int,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:  # [M, count] squared distances, ascending, [M, count] int64 rows
    """The ``count`` nearest points of each query; of equally near points the lower row first.

    Places without a point, or with a NaN, hold row 0 at an infinite distance. All pairs are
    compared, a bounded number at a time.

    Args:
        backend: ``'auto'``, ``'fast'`` (parts of all pairs) or ``'reference'`` (all distances,
            sorted).

    Raises:
        BackendUnavailable: for another backend.

    Source: PointNet++ (NeurIPS 2017), section 3.4; mmcv's kernel keeps a heap, which leaves the
    order of equally near points open.
    """
    backend = choose_backend('nearest_points', backend)
    points, queries = points.detach(), queries.detach()
    distances = queries.new_full((len(queries), count), torch.inf)
    rows = torch.zeros(len(queries), count, dtype=torch.long, device=queries.device)
    listed = min(count, len(points))
    if listed == 0:
        return distances, rows
    at_once = pairs_at_once if backend != 'reference' else len(queries) * len(points)
    nearest = _sorted if backend == 'reference' else _few if listed <= 3 else _many
    for part in row_chunks(len(queries), len(points), at_once):
        table = squared_distances(queries[part], points)
        table.masked_fill_(table.isnan(), torch.inf)
        distances[part, :listed], rows[part, :listed] = nearest(table, listed)
    return distances, rows.masked_fill_(distances.isinf(), 0)


def _sorted(table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    distances, rows = table.sort(dim=1, stable=True)
    return distances[:, :count], rows[:, :count]


def _few(table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """One minimum after the other; each names the first of equals."""
    found = []
    for _ in range(count):
        found.append(table.min(1, keepdim=True))
        table.scatter_(1, found[-1].indices, torch.inf)
    return torch.cat([one.values for one in found], 1), torch.cat([one.indices for one in found], 1)


def _many(table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    if table.dtype != torch.float32:
        return _sorted(table, count)
    # The bits of a float that is not negative are ordered as it is; the row breaks ties.
    keys = table.view(torch.int32).long() * (1 << 32)
    keys += torch.arange(table.shape[1], device=table.device)
    rows = keys.topk(count, dim=1, largest=False).values % (1 << 32)
    return table.gather(1, rows), rows
