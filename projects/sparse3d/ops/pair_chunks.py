"""Tables of all pairs, a bounded number at a time."""
from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

# On a CPU the temporaries of so many pairs stay in the second-level cache.
PAIRS_AT_ONCE = 1 << 17


def row_chunks(
        rows: int,
        columns: int,
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> Iterator[slice]:
    """Slices of the rows of a table [rows, columns] that hold about ``pairs_at_once`` pairs."""
    step = max(1, pairs_at_once // max(columns, 1))
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def squared_distances(
        a: Tensor,  # [N, 3]
        b: Tensor,  # [M, 3]
) -> Tensor:        # [N, M]
    """Squared distances of all pairs, from differences: equal points are at exactly zero."""
    differences = (a[:, column, None] - b[None, :, column] for column in range(a.shape[1]))
    total = next(differences).square_()
    for difference in differences:
        total.addcmul_(difference, difference)
    return total
