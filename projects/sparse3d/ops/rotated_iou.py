"""Overlap of rotated rectangles and of upright boxes, exact also for degenerate pairs.

The usual way collects intersection points and sorts them by angle, and fails
where edges coincide: equal boxes, boxes turned by pi, boxes sharing an edge.
Here the common area is an integral instead. In the frame of rectangle B, of half
sizes W and H, the area of A inside B is

    area = - sum over the edges of A, run counter-clockwise,
             of the integral of clamp(y, -H, H) dx over the part with -W <= x <= W

because a column x of A between its lower and its upper edge shares
clamp(upper) - clamp(lower) with B. Each term is a continuous function of the
corners without any special case; the cost is the same for every pair, and the
result is differentiable.

All functions take tensors of one device, CPU or CUDA, and compute in the dtype of
the boxes (half types in float32): pass float64 for exact evaluation.
Boxes as drawn in :mod:`sparse3d.structures.box_conversions`.
"""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.circle_grid import near_pairs

# Numbers in a temporary. On a CPU it stays in the cache, and below the size at which torch
# wakes other threads: with so little work, waiting for a busy core costs more than it gains.
TEMPORARY = {'cpu': (1 << 15) - 1}
TEMPORARY_ELSEWHERE = 1 << 22
# Tables of so many pairs are computed whole: elsewhere the host would wait for the close ones.
WHOLE_TABLE = {'cpu': 0}
WHOLE_TABLE_ELSEWHERE = 1 << 16
GRID_FROM = 768     # boxes on a CPU; a table of fewer is compared sooner than a grid is made


def rotated_iou_bev(
        a: Tensor,  # [N, 5]  x, y, dx, dy, yaw  meters, radians
        b: Tensor,  # [M, 5]
        backend: str = 'auto',
) -> Tensor:        # [N, M]
    """Intersection over union of all pairs of rectangles in BEV.

    Only pairs whose circumscribed circles meet are worked on. A rectangle
    without area, or with a NaN, overlaps nothing.

    Args:
        backend: ``'auto'``, ``'fast'`` (the integral) or ``'reference'`` (polygon clipping, one
            pair after the other).

    Raises:
        ValueError: for tables of another width.
        BackendUnavailable: for another backend.
    """
    _check(a, b, 5)
    if choose_backend('rotated_iou_bev', backend) == 'reference':
        return _reference(a, b)
    a, b = _computable(a), _computable(b)
    return _table(a, b, a, b, rotated_iou_bev_aligned)


def rotated_iou_3d(
        a: Tensor,  # [N, 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        b: Tensor,  # [M, 7]
) -> Tensor:        # [N, M]
    """Intersection over union of all pairs of upright boxes; see :func:`rotated_iou_bev`.

    Raises:
        ValueError: for tables of another width.
    """
    _check(a, b, 7)
    a, b = _computable(a), _computable(b)
    return _table(a, b, bev_boxes(a), bev_boxes(b), rotated_iou_3d_aligned)


def _table(a: Tensor, b: Tensor, flat_a: Tensor, flat_b: Tensor,
           aligned: Callable[[Tensor, Tensor], Tensor]) -> Tensor:  # [N, M]
    """Overlaps of all pairs; ``flat_a`` and ``flat_b`` are their rectangles."""
    pairs = len(a) * len(b)
    if 0 < pairs <= WHOLE_TABLE.get(a.device.type, WHOLE_TABLE_ELSEWHERE):
        iou = aligned(a.repeat_interleave(len(b), 0), b.repeat(len(a), 1)).view(len(a), len(b))
        return iou.where(_close(_circles(flat_a), _circles(flat_b)), 0)
    rows, columns = close_pairs(flat_a, flat_b)
    iou = a.new_zeros((len(a), len(b)))
    iou[rows, columns] = aligned(a[rows], b[columns])
    return iou


def rotated_iou_bev_aligned(
        a: Tensor,  # [K, 5]  x, y, dx, dy, yaw  meters, radians
        b: Tensor,  # [K, 5]
) -> Tensor:        # [K]
    """Intersection over union of the rectangles of each row, differentiable.

    Raises:
        ValueError: for tables of another width or of different lengths.
    """
    _check(a, b, 5, aligned=True)
    a, b = _computable(a), _computable(b)
    return _over_union(intersection_area(a, b), _volume(a[:, 2:4]), _volume(b[:, 2:4]))


def rotated_iou_3d_aligned(
        a: Tensor,  # [K, 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        b: Tensor,  # [K, 7]
) -> Tensor:        # [K]
    """Intersection over union of the upright boxes of each row, differentiable.

    Raises:
        ValueError: for tables of another width or of different lengths.
    """
    _check(a, b, 7, aligned=True)
    a, b = _computable(a), _computable(b)
    area = intersection_area(bev_boxes(a), bev_boxes(b))
    top = torch.minimum(a[:, 2] + a[:, 5], b[:, 2] + b[:, 5])
    bottom = torch.maximum(a[:, 2], b[:, 2])
    common = area * (top - bottom).clamp(min=0)
    return _over_union(common, _volume(a[:, 3:6]), _volume(b[:, 3:6]))


def bev_boxes(boxes: Tensor) -> Tensor:  # [N, >= 7] -> [N, 5]
    """The rectangle x, y, dx, dy, yaw below each box x, y, z, dx, dy, dz, yaw."""
    return torch.cat([boxes[:, :2], boxes[:, 3:5], boxes[:, 6:7]], dim=1)


def close_pairs(
        a: Tensor,  # [N, 5]  x, y, dx, dy, yaw
        b: Tensor,  # [M, 5]
) -> tuple[Tensor, Tensor]:  # [K] rows of a, [K] rows of b, ascending
    """Pairs of rectangles whose circumscribed circles meet; the others cannot overlap."""
    a, b = _circles(a), _circles(b)
    return _listed(len(a), len(b), a.device, lambda part: _close(a[part], b))


def close_pairs_within(
        boxes: Tensor,          # [N, 5]  x, y, dx, dy, yaw
        labels: Tensor | None,  # [N]  boxes of different labels are no pair
) -> tuple[Tensor, Tensor]:     # [K], [K] rows, the first below the second; ascending
    """Pairs of one table, each once; see :func:`close_pairs`."""
    circles = _circles(boxes)
    near = near_pairs(circles, labels) if boxes.device.type == 'cpu' and len(boxes) >= GRID_FROM \
        else None
    if near is not None:
        return _ascending(near, circles)

    def close(part: slice) -> Tensor:
        start = part.start + 1  # of the later rows
        table = _close(circles[part], circles[start:]).triu_()
        if labels is not None:
            table &= labels[part, None] == labels[None, start:]
        return table
    return _listed(len(boxes), len(boxes), boxes.device, close, later=True)


def _ascending(near: list[tuple[Tensor, Tensor]], circles: Tensor) -> tuple[Tensor, Tensor]:
    """Those of the pairs whose circles meet, ordered by their rows."""
    count, keys = len(circles), [torch.zeros(0, dtype=torch.long)]
    for lower, upper in near:
        a, b = circles[lower], circles[upper]
        square = (a[:, 0] - b[:, 0]).square_()
        square += (a[:, 1] - b[:, 1]).square_()
        meet = square <= (a[:, 2] + b[:, 2]).square_()
        keys.append((lower * count + upper)[meet])
    pairs = torch.cat(keys).sort().values
    return pairs // count, pairs % count


def _circles(boxes: Tensor) -> Tensor:  # [N, 5] -> [N, 3]  x, y, radius
    boxes = boxes.detach()
    return torch.cat([boxes[:, :2], boxes[:, 2:4].norm(dim=1, keepdim=True) / 2], dim=1)


def _close(a: Tensor, b: Tensor) -> Tensor:  # [N, 3], [M, 3] circles -> [N, M] bool
    square = (a[:, None, 0] - b[None, :, 0]).square_()
    square += (a[:, None, 1] - b[None, :, 1]).square_()
    return square <= (a[:, None, 2] + b[None, :, 2]).square_()


def _listed(rows: int, columns: int, device: torch.device, table: Callable[[slice], Tensor],
            later: bool = False) -> tuple[Tensor, Tensor]:
    """Rows and columns that tables of parts of the rows mark; with ``later`` the columns of a
    part count from the row behind its first."""
    found = []
    step = max(1, TEMPORARY.get(device.type, TEMPORARY_ELSEWHERE) // max(1, columns))
    for start in range(0, rows, step):
        row, column = table(slice(start, start + step)).nonzero(as_tuple=True)
        found.append((row + start, column + start + 1 if later else column))
    if not found:
        nothing = torch.zeros(0, dtype=torch.long, device=device)
        return nothing, nothing
    first, second = zip(*found, strict=True)
    return torch.cat(first), torch.cat(second)


def intersection_area(
        a: Tensor,  # [K, 5]  x, y, dx, dy, yaw
        b: Tensor,  # [K, 5]
) -> Tensor:        # [K]
    """Common area of the rectangles of each row, in square meters; differentiable."""
    step = max(1, TEMPORARY.get(a.device.type, TEMPORARY_ELSEWHERE) // 4)
    if len(a) <= step:
        return _intersection_area(a, b)
    parts = zip(a.split(step), b.split(step), strict=True)
    return torch.cat([_intersection_area(part_a, part_b) for part_a, part_b in parts])


def _intersection_area(a: Tensor, b: Tensor) -> Tensor:
    x, y = _corners_in_frame(a, b)                                  # [K, 4]
    half = b[:, 2:4, None].clamp(min=0) / 2
    width, height = half[:, 0], half[:, 1]                          # [K, 1]

    # The part of each edge with -W <= x <= W. Where an edge is vertical the part has
    # no extent in x, and any y will do.
    run, rise = x.roll(-1, 1) - x, y.roll(-1, 1) - y
    begin, end = _clamp(x, width), _clamp(x.roll(-1, 1), width)
    step = torch.where(run == 0, 1, run)
    y_begin = y + ((begin - x) / step).clamp(0, 1) * rise
    y_end = y + ((end - x) / step).clamp(0, 1) * rise
    area = -((end - begin) * _mean_of_clamped(y_begin, y_end, height)).sum(1)
    smaller = torch.minimum(_volume(a[:, 2:4]), _volume(b[:, 2:4]))
    return torch.minimum(area.clamp(min=0), smaller)


def _corners_in_frame(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # x, y  [K, 4] each
    """Corners of each A, counter-clockwise, in the frame of its B."""
    offset, half = a[:, :2] - b[:, :2], a[:, 2:4].clamp(min=0) / 2
    cos, sin = b[:, 4].cos(), b[:, 4].sin()
    center_x = cos * offset[:, 0] + sin * offset[:, 1]
    center_y = cos * offset[:, 1] - sin * offset[:, 0]
    turn = a[:, 4] - b[:, 4]
    cos, sin = turn.cos()[:, None], turn.sin()[:, None]
    length, width = half[:, :1], half[:, 1:]
    along = torch.cat([length, -length, -length, length], dim=1)    # [K, 4]
    across = torch.cat([width, width, -width, -width], dim=1)
    return (center_x[:, None] + cos * along - sin * across,
            center_y[:, None] + sin * along + cos * across)


def _mean_of_clamped(begin: Tensor, end: Tensor, limit: Tensor) -> Tensor:
    """Mean of clamp(y, -limit, limit) while y runs straight from begin to end."""
    rise = end - begin
    step = torch.where(rise == 0, 1, rise)
    crossings = [((edge - begin) / step).clamp(0, 1) for edge in (-limit, limit)]
    first, last = torch.minimum(*crossings), torch.maximum(*crossings)
    y0, y1 = _clamp(begin, limit), _clamp(begin + first * rise, limit)
    y2, y3 = _clamp(begin + last * rise, limit), _clamp(end, limit)
    return (first * (y0 + y1) + (last - first) * (y1 + y2) + (1 - last) * (y2 + y3)) / 2


def _clamp(value: Tensor, limit: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(value, -limit), limit)


def _over_union(common: Tensor, size_a: Tensor, size_b: Tensor) -> Tensor:
    union = size_a + size_b - common
    return torch.where(union > 0, common / torch.where(union > 0, union, 1), common * 0)


def _volume(sizes: Tensor) -> Tensor:  # [K, D] -> [K]
    return sizes.clamp(min=0).prod(1)


def _computable(boxes: Tensor) -> Tensor:
    return boxes if boxes.dtype in (torch.float32, torch.float64) else boxes.float()


def _reference(a: Tensor, b: Tensor) -> Tensor:
    """The definition: corners of A, cut by the four sides of B, then the shoelace formula."""
    iou = torch.zeros((len(a), len(b)), dtype=_computable(a).dtype)
    for row, box in enumerate(a.double().cpu()):
        for column, other in enumerate(b.double().cpu()):
            x, y = _corners_in_frame(box[None], other[None])
            corners = list(zip(x[0].tolist(), y[0].tolist(), strict=True))
            for axis in (0, 1):
                for sign in (1, -1):
                    corners = _cut(corners, axis, sign, float(other[2 + axis]) / 2)
            common = _shoelace(corners)
            union = float(box[2] * box[3] + other[2] * other[3]) - common
            iou[row, column] = common / union if union > 0 else 0
    return iou.to(a.device)


def _cut(corners: list, axis: int, sign: int, limit: float) -> list:
    """Part of a convex polygon with sign * coordinate <= limit (Sutherland and Hodgman 1974)."""
    kept = []
    for index, corner in enumerate(corners):
        before = corners[index - 1]
        room, room_before = limit - sign * corner[axis], limit - sign * before[axis]
        if (room < 0) != (room_before < 0):
            share = room_before / (room_before - room)
            kept.append(tuple(p + share * (q - p) for p, q in zip(before, corner, strict=True)))
        if room >= 0:
            kept.append(corner)
    return kept


def _shoelace(corners: list) -> float:
    twice = sum(before[0] * corner[1] - corner[0] * before[1]
                for before, corner in zip(corners[-1:] + corners[:-1], corners, strict=True))
    return abs(twice) / 2


def _check(a: Tensor, b: Tensor, columns: int, aligned: bool = False) -> None:
    for boxes in (a, b):
        if boxes.ndim != 2 or boxes.shape[1] != columns:
            raise ValueError(f'boxes are a table [N, {columns}], not {list(boxes.shape)}')
    if aligned and len(a) != len(b):
        raise ValueError(f'aligned boxes come in pairs, not {len(a)} and {len(b)}')
