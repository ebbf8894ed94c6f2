"""Lists of at most so many neighbors per query, from runs of sorted candidates."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.ops.cells import (
    cell_keys,
    group_counts,
    order_of_keys,
    parts_of_about,
    ranks_in_order,
    segments_of_counts,
)

PAIRS_AT_ONCE = 1 << 21  # bounds the memory; the lists do not depend on it


def first_neighbors(
        begin: Tensor,      # [M, R] int64, start of each run in the sorted candidates
        end: Tensor,        # [M, R] int64, its end
        order: Tensor,      # [N] int64, row of each sorted candidate
        near: Callable[[Tensor, Tensor], Tensor],   # query rows, candidate rows -> bool
        limit: int,
        by_row: bool,
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:  # [M, limit] int64 rows, [M] bool no neighbor at all
    """The first ``limit`` near candidates of each query; a short list repeats its first entry.

    Candidates count in the order of their rows (``by_row``), or in the order of the runs.
    A query without neighbors lists row 0.
    """
    lengths = (end - begin).clamp(min=0)
    rows = begin.new_zeros(len(begin), limit)
    found = begin.new_zeros(len(begin))
    for part, pairs in parts_of_about(lengths.sum(1), pairs_at_once):
        first, size = part.start, part.stop - part.start
        query, candidate = _pairs(begin[part], lengths[part], order, pairs)
        kept = near(query + first, candidate).nonzero().squeeze(1)  # one wait, not one each
        query, candidate = query[kept], candidate[kept]
        if by_row:
            sorting = order_of_keys(cell_keys((query, candidate), (max(len(order), 1),), size))
            query, candidate = query[sorting], candidate[sorting]
        counts = group_counts(query, size)
        place = ranks_in_order(query, counts)
        listed = (place < limit).nonzero().squeeze(1)
        rows[part].index_put_((query[listed], place[listed]), candidate[listed])
        found[part] = counts
    filled = torch.arange(limit, device=rows.device) < found.unsqueeze(1)
    return torch.where(filled, rows, rows[:, :1]), found == 0


def _pairs(begin: Tensor, lengths: Tensor, order: Tensor, pairs: int) -> tuple[Tensor, Tensor]:
    """All (query, candidate) of the runs, query by query, run by run."""
    runs = segments_of_counts(lengths.flatten(), pairs)
    candidate = order[runs.rows_from(begin.flatten())]
    return runs.number // max(lengths.shape[1], 1), candidate


def reference_lists(near: Tensor, rank: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """The same by a loop over the queries, for tests.

    Args:
        near: [M, N] bool. rank: [N], candidates of lower rank come first.
    """
    rows, empty = [], []
    for of_query in near:
        listed = of_query.nonzero().squeeze(1)
        listed = listed[torch.argsort(rank[listed], stable=True)][:limit].tolist()
        empty.append(not listed)
        rows.append(listed + [listed[0] if listed else 0] * (limit - len(listed)))
    return torch.tensor(rows).reshape(-1, limit), torch.tensor(empty, dtype=torch.bool)
