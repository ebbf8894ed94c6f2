"""Pairs of circles that meet, by a grid: work grows with the pairs that lie near each other.

Each circle is entered in every cell that its square touches; pairs are looked for within cells, and
a pair counts in one cell only, the first that both squares touch. The cells are twice as wide as
the circles are on (quadratic) average, so that a circle is entered in about ten cells at most, on
average, whatever their sizes are.
"""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.cells import parts_of_about, segments_of_counts

PAIRS_AT_ONCE = (1 << 15) - 1   # temporaries of a part stay in the cache
MOST_CELLS = 1 << 62


def near_pairs(
        circles: Tensor,        # [N, 3]  x, y, radius
        labels: Tensor | None,  # [N] integer  circles of different labels are no pair
) -> list[tuple[Tensor, Tensor]] | None:
    """All pairs of circles whose squares share a cell, each once, the lower row first, in parts.

    Every pair that meets is among them. None where a grid is no help: numbers that are not finite,
    or an extent of too many cells.
    """
    if not bool(circles.isfinite().all()) or len(circles) == 0:
        return None
    circles = circles.double()
    reach = circles[:, 2] * 1.001 + 1e-3  # rounding loses no pair that touches
    side = 2 * reach.square().mean().sqrt()
    low, high = circles[:, :2] - reach[:, None], circles[:, :2] + reach[:, None]
    origin = low.amin(0)
    extent = ((high.amax(0) - origin) / side).floor() + 1
    groups = 1 if labels is None else int(labels.max() - labels.min()) + 1
    if float(extent.prod()) * groups >= MOST_CELLS:
        return None
    first = ((low - origin) / side).floor().long()
    last = ((high - origin) / side).floor().long()
    return _pairs_in_cells(first, last, extent.long(), labels)


def _pairs_in_cells(first: Tensor, last: Tensor, extent: Tensor,
                    labels: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    spans = last - first + 1                                # [N, 2]
    entries = segments_of_counts(spans.prod(1))
    circle, place = entries.number, entries.rank            # [E]
    width = spans[:, 1][circle]
    cells = first[circle] + torch.stack([place // width, place % width], 1)
    keys = cells[:, 0] * extent[1] + cells[:, 1]
    if labels is not None:
        keys += (labels - labels.min()).long()[circle] * extent.prod()
    keys, order = keys.sort(stable=True)                    # then by row, as entered
    circle, cells = circle[order], cells[order]
    position = torch.arange(len(keys))
    later = torch.searchsorted(keys, keys, right=True) - position - 1
    found = []
    for part, pairs in parts_of_about(later, PAIRS_AT_ONCE):
        segments = segments_of_counts(later[part], pairs)
        left = segments.number + part.start
        right = segments.rows_from(position[part] + 1)
        lower, upper = circle[left], circle[right]
        here = (torch.maximum(first[lower], first[upper]) == cells[left]).all(1).nonzero()[:, 0]
        found.append((lower[here], upper[here]))
    return found
