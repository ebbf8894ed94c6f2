"""The k nearest points of each query."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import (
    cell_keys,
    group_counts,
    neighbor_runs,
    ranks_in_order,
    segments_of_counts,
    sort_keys,
)
from sparse3d.ops.pair_chunks import PAIRS_AT_ONCE, row_chunks, squared_distances

GRID_FROM = 1 << 20   # pairs of points and queries; comparing fewer is as fast
MAX_CELLS = 1 << 13   # along an axis, so that rounding is a small part of a cell
SURE = 0.99           # of a cell's size: nearer than anything beyond the next cell
FEW = 2               # points of a cell that holds any, on average


def nearest_points(
        points: Tensor,     # [N, D] meters, mostly D = 3
        queries: Tensor,    # [M, D] meters
        count: int,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
        grid_from: int = GRID_FROM,
) -> tuple[Tensor, Tensor]:  # [M, count] squared distances, ascending, [M, count] int64 rows
    """The ``count`` nearest points of each query; of equally near points the lower row first.

    Places without a point, or with a NaN, hold row 0 at an infinite distance. On a CPU points are
    looked up in cells around each query, so that the cost grows with the points and not with the
    pairs; for few, and on a device, which is not waited for, all pairs are compared, a bounded
    number at a time. Half types and integers are compared in float32, where a square of 300 m does
    not overflow; distances come in the type of the queries, those of integers in float32.

    Args:
        backend: ``'auto'``, ``'fast'`` (as above) or ``'reference'`` (all distances, sorted).
        pairs_at_once: that are compared at a time; bounds the memory.
        grid_from: pairs from which on points are looked up in cells.

    Raises:
        ValueError: if points and queries have not the same columns, or for a negative count.
        BackendUnavailable: for another backend.

    Source: PointNet++ (NeurIPS 2017), section 3.4; mmcv's kernel keeps a heap, which leaves the
    order of equally near points open.
    """
    backend = choose_backend('nearest_points', backend)
    _check(points, queries, count)
    work_type = torch.promote_types(torch.promote_types(points.dtype, queries.dtype), torch.float32)
    result_type = queries.dtype if queries.is_floating_point() else work_type
    points, queries = points.detach().to(work_type), queries.detach().to(work_type)
    distances = queries.new_full((len(queries), count), torch.inf)
    rows = torch.zeros(len(queries), count, dtype=torch.long, device=queries.device)
    listed = min(count, len(points))
    if listed == 0:
        return distances.to(result_type), rows
    at_once = pairs_at_once if backend != 'reference' else len(queries) * len(points)
    nearest = _sorted if backend == 'reference' else _few if listed <= 3 else _many
    waiting = None
    if (backend != 'reference' and points.device.type == 'cpu'
            and len(points) * len(queries) >= grid_from):
        waiting = _by_cells(points, queries, distances[:, :listed], rows[:, :listed], at_once)
    left = queries if waiting is None else queries[waiting]
    for part in row_chunks(len(left), len(points), at_once):
        table = squared_distances(left[part], points)
        table.masked_fill_(table.isnan(), torch.inf)
        place = part if waiting is None else waiting[part]
        distances[place, :listed], rows[place, :listed] = nearest(table, listed)
    rows.masked_fill_(distances.isinf(), 0)
    return distances.to(result_type), rows


def _check(points: Tensor, queries: Tensor, count: int) -> None:
    shapes = list(points.shape), list(queries.shape)
    if points.ndim != 2 or queries.ndim != 2 or shapes[0][1] != shapes[1][1] or not shapes[0][1]:
        raise ValueError(f'points {shapes[0]} and queries {shapes[1]} are no tables [N, D] and '
                         '[M, D] of the same columns')
    if count < 0:
        raise ValueError(f'count is {count}; ask for 0 nearest points or more')


def _by_cells(points: Tensor, queries: Tensor, distances: Tensor, rows: Tensor,
              pairs_at_once: int) -> Tensor:
    """Fill in the rows [M, count] whose nearest points lie within one cell; which are left, [L].

    What one grid leaves open the next one answers, with cells of twice the size. Its axes are the
    first three columns: what is far along these is far.
    """
    count = distances.shape[1]
    there = points.isfinite().all(1).nonzero().squeeze(1)  # others are near nothing
    waiting = queries.isfinite().all(1).nonzero().squeeze(1)
    if len(there) <= count:
        return waiting
    axes = points[there][:, :3]  # [P, 1 to 3]
    lowest = axes.amin(0)
    extent = float((axes.amax(0) - lowest).amax())
    size = max(extent / len(there) ** 0.5, extent / MAX_CELLS)
    crowded = False
    while len(waiting) and size < extent / 3:  # a coarser grid is no more than all pairs
        cells = _three_axes(((axes - lowest) / size).long())         # [P, 3] z, y, x
        grid = (cells.amax(0) + 1).tolist()
        sorted_keys, order = sort_keys(cell_keys((torch.zeros_like(cells[:, 0]),
                                                  *cells.unbind(1)), grid))
        crowded = crowded or len(there) >= max(FEW, count / 4) * _number_of(
            sorted_keys)
        if crowded:
            wanted = (queries[waiting][:, :3] - lowest) / size
            wanted = _three_axes(wanted.floor().clamp(-2, MAX_CELLS + 2).long())
            runs = neighbor_runs(sorted_keys, torch.zeros_like(waiting), wanted, grid, (1, 1, 1))
            found = _nearest_in_runs(points, queries[waiting], *runs, there[order], count,
                                     pairs_at_once)
            sure = found[0][:, -1] < (SURE * size) ** 2  # all others are farther away
            distances[waiting[sure]], rows[waiting[sure]] = (part[sure] for part in found)
            waiting = waiting[~sure]
        size *= 2
    return waiting


def _three_axes(cells: Tensor) -> Tensor:  # [N, 1 to 3] x, y, z -> [N, 3] z, y, x
    return pad(cells, (0, 3 - cells.shape[1])).flip(1)


def _number_of(sorted_keys: Tensor) -> int:
    return 1 + int((sorted_keys[1:] != sorted_keys[:-1]).sum())


def _nearest_in_runs(points: Tensor, queries: Tensor, begin: Tensor, end: Tensor, order: Tensor,
                     count: int, pairs_at_once: int) -> tuple[Tensor, Tensor]:
    """The nearest of each query's runs [M, R] of ordered candidates; infinity where too few are."""
    lengths = (end - begin).clamp(min=0)
    total = lengths.sum(1)
    distances = queries.new_full((len(queries), count), torch.inf)
    rows = order.new_zeros(len(queries), count)
    # Tables of queries with alike many candidates, so that little of them stays empty.
    powers = total.clamp(min=1).double().log2().ceil().long()
    for power in powers.unique().tolist():
        alike = ((powers == power) & (total >= count)).nonzero().squeeze(1)
        for part in row_chunks(len(alike), 1 << power, pairs_at_once):
            chosen = alike[part]
            runs = segments_of_counts(lengths[chosen].flatten())
            candidate = order[runs.rows_from(begin[chosen].flatten())]
            query = runs.number // lengths.shape[1]
            place = ranks_in_order(query, group_counts(query, len(chosen)))
            table = queries.new_full((len(chosen), 1 << power), torch.inf)
            named = order.new_zeros(len(chosen), 1 << power)
            table[query, place] = _pair_distances(queries[chosen[query]], points[candidate])
            named[query, place] = candidate
            distances[chosen], rows[chosen] = _smallest(table, named, count)
    return distances, rows


def _pair_distances(a: Tensor, b: Tensor) -> Tensor:  # [P, D] each -> [P]
    """As :func:`squared_distances`, of pairs side by side."""
    first, *others = (a - b).unbind(1)
    total = first.square()
    for difference in others:
        total.addcmul_(difference, difference)
    return total


def _smallest(table: Tensor, named: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The smallest distances of each row and the names there, the lower name first of equals."""
    if table.dtype == torch.float32:
        keys = table.view(torch.int32).long() * (1 << 32) + named
        places = keys.topk(count, dim=1, largest=False).indices
    else:
        by_name = named.argsort(dim=1)
        by_distance = table.gather(1, by_name).argsort(dim=1, stable=True)[:, :count]
        places = by_name.gather(1, by_distance)
    return table.gather(1, places), named.gather(1, places)


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
