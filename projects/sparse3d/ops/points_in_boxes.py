"""Which box holds each point."""
from __future__ import annotations

import torch
from torch import Tensor

# On a CPU: what stays in the cache, below the size at which torch wakes other threads.
PAIRS_AT_ONCE = {'cpu': (1 << 15) - 1}
PAIRS_ELSEWHERE = 1 << 21


def points_in_boxes(
        points: Tensor,  # [N, >= 3]  x, y, z  meters
        boxes: Tensor,   # [M, >= 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        backend: str = 'auto',
) -> Tensor:             # [N]  int64
    """Row of the first box that holds each point, -1 for a point in no box.

    A box holds its surface. Points with a NaN lie in no box. The points are
    sorted along x once; each box then looks only at the slice that it can reach,
    so no table of all points and boxes is built.

    Args:
        backend: ``'auto'`` and ``'slices'`` (any device) or ``'reference'`` (a loop over boxes).

    Raises:
        ValueError: for tables that are too narrow, or an unknown backend.
    """
    _check(points, boxes)
    if backend == 'reference':
        return _reference(points, boxes)
    if backend not in ('auto', 'slices'):
        raise ValueError(f"backend is 'auto', 'slices' or 'reference', not {backend!r}")
    owner = torch.full((len(points),), len(boxes), dtype=torch.long, device=points.device)
    for rows, held_by in _pairs_inside(points, boxes):
        owner.scatter_reduce_(0, rows, held_by, 'amin')
    return owner.masked_fill_(owner == len(boxes), -1)


def count_points_in_boxes(
        points: Tensor,  # [N, >= 3]  x, y, z  meters
        boxes: Tensor,   # [M, >= 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
) -> Tensor:             # [M]  int64
    """Number of points in each box; a point in two boxes counts in both.

    Raises:
        ValueError: for tables that are too narrow.
    """
    _check(points, boxes)
    counts = torch.zeros(len(boxes), dtype=torch.long, device=points.device)
    for _, held_by in _pairs_inside(points, boxes):
        counts += torch.bincount(held_by, minlength=len(boxes))
    return counts


def _pairs_inside(points: Tensor, boxes: Tensor):
    """Yield rows of points and of the boxes that hold them, a bounded number at a time."""
    if len(points) == 0 or len(boxes) == 0:
        return
    xyz, boxes = points[:, :3], boxes.to(points.dtype)
    sorted_x, order = xyz[:, 0].contiguous().sort()
    # A little more than the half diagonal, so that rounding drops no point of a corner.
    reach = boxes[:, 3:5].norm(dim=1) / 2 * 1.001 + 1e-3
    begin = torch.searchsorted(sorted_x, (boxes[:, 0] - reach).contiguous())
    end = torch.searchsorted(sorted_x, (boxes[:, 0] + reach).contiguous(), right=True)
    lengths = (end - begin).clamp(min=0)
    for part, pairs in _chunks(lengths):
        number = torch.arange(len(boxes), device=boxes.device)[part]
        box = number.repeat_interleave(lengths[part], output_size=pairs)    # [K]
        starts = lengths[part].cumsum(0) - lengths[part]
        within = torch.arange(pairs, device=box.device)
        position = within + (begin[part] - starts).repeat_interleave(
            lengths[part], output_size=pairs)
        row = order[position]
        inside = _inside(xyz[row], boxes[box]).nonzero().squeeze(1)
        yield row[inside], box[inside]


def _chunks(lengths: Tensor) -> list[tuple[slice, int]]:
    """Runs of boxes with about PAIRS_AT_ONCE points in their slices together, and how many.

    The one look at the lengths: with the numbers known, a GPU need not be waited for again.
    """
    at_once = PAIRS_AT_ONCE.get(lengths.device.type, PAIRS_ELSEWHERE)
    upto = lengths.cpu().cumsum(0)
    chunk = upto.div(at_once, rounding_mode='floor')
    sizes = chunk.unique_consecutive(return_counts=True)[1]
    ends = sizes.cumsum(0)
    pairs = upto[ends - 1].diff(prepend=upto.new_zeros(1))
    return [(slice(end - size, end), count) for size, end, count in
            zip(sizes.tolist(), ends.tolist(), pairs.tolist(), strict=True)]


def _inside(xyz: Tensor, boxes: Tensor) -> Tensor:  # [K, 3], [K, >= 7] -> [K] bool
    offset = xyz - boxes[:, :3]
    cos, sin = boxes[:, 6].cos(), boxes[:, 6].sin()
    along = cos * offset[:, 0] + sin * offset[:, 1]
    across = cos * offset[:, 1] - sin * offset[:, 0]
    half = boxes[:, 3:5] / 2
    return ((along.abs() <= half[:, 0]) & (across.abs() <= half[:, 1])
            & (offset[:, 2] >= 0) & (offset[:, 2] <= boxes[:, 5]))


def _reference(points: Tensor, boxes: Tensor) -> Tensor:
    owner = torch.full((len(points),), -1, dtype=torch.long, device=points.device)
    for row in reversed(range(len(boxes))):
        box = boxes[row:row + 1].to(points.dtype)
        owner[_inside(points[:, :3], box)] = row
    return owner


def _check(points: Tensor, boxes: Tensor) -> None:
    for name, table, columns in (('points', points, 3), ('boxes', boxes, 7)):
        if table.ndim != 2 or table.shape[1] < columns:
            raise ValueError(f'{name} are a table [N, >= {columns}], not {list(table.shape)}')
