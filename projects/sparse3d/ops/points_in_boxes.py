"""Which box holds each point."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import group_counts, parts_of_about, segments_of_counts
from sparse3d.ops.near_boxes import points_near_boxes
from sparse3d.ops.pair_chunks import row_chunks

# On a CPU: what stays in the cache, below the size at which torch wakes other threads.
PAIRS_AT_ONCE = {'cpu': (1 << 15) - 1}
PAIRS_ELSEWHERE = 1 << 21
COMPARED_AT_ONCE = 1 << 26  # by the compiled kernels; bounds what they may find


def points_in_boxes(
        points: Tensor,  # [N, >= 3]  x, y, z  meters
        boxes: Tensor,   # [M, >= 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        backend: str = 'auto',
) -> Tensor:             # [N]  int64
    """Row of the first box that holds each point, -1 for a point in no box.

    A box holds its surface. Points with a NaN lie in no box. Half types and integers are computed
    in float32. Compiled kernels (see
    ``sparse3d doctor``) find the points near each box; without them the points are
    sorted along x once and each box looks at the slice that it can reach. No table
    of all points and boxes is built.

    Args:
        backend: ``'auto'``, ``'fast'`` (slices of sorted points) or ``'reference'`` (a loop over
            boxes).

    Raises:
        ValueError: for tables that are too narrow.
        BackendUnavailable: for another backend.
    """
    points, boxes = _checked(points, boxes)
    if choose_backend('points_in_boxes', backend) == 'reference':
        return _reference(points, boxes)
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
    points, boxes = _checked(points, boxes)
    counts = torch.zeros(len(boxes), dtype=torch.long, device=points.device)
    for _, held_by in _pairs_inside(points, boxes):
        counts += group_counts(held_by, len(boxes))
    return counts


def _pairs_inside(points: Tensor, boxes: Tensor):
    """Yield rows of points and of the boxes that hold them, a bounded number at a time."""
    if len(points) == 0 or len(boxes) == 0:
        return
    xyz = points[:, :3]
    # A little more than the half diagonal, so that rounding drops no point of a corner.
    reach = boxes[:, 3:5].norm(dim=1) / 2 * 1.001 + 1e-3
    for part in row_chunks(len(boxes), len(xyz), COMPARED_AT_ONCE):
        near = points_near_boxes(xyz, boxes[part], reach[part])
        if near is None:
            yield from _pairs_of_slices(xyz, boxes, reach)
            return
        row, box = near[0], near[1] + part.start
        inside = _inside(xyz[row], boxes[box])
        yield row[inside], box[inside]


def _pairs_of_slices(xyz: Tensor, boxes: Tensor, reach: Tensor):
    """The same without kernels."""
    sorted_x, order = xyz[:, 0].contiguous().sort()
    begin = torch.searchsorted(sorted_x, (boxes[:, 0] - reach).contiguous())
    end = torch.searchsorted(sorted_x, (boxes[:, 0] + reach).contiguous(), right=True)
    lengths = (end - begin).clamp(min=0)
    at_once = PAIRS_AT_ONCE.get(lengths.device.type, PAIRS_ELSEWHERE)
    for part, pairs in parts_of_about(lengths, at_once):
        slices = segments_of_counts(lengths[part], pairs)
        row = order[slices.rows_from(begin[part])]                  # [K]
        box = slices.number + part.start
        inside = _inside(xyz[row], boxes[box]).nonzero().squeeze(1)  # one wait, not one each
        yield row[inside], box[inside]


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
        owner[_inside(points[:, :3], boxes[row:row + 1])] = row
    return owner


def _checked(points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the type of the points, in float32 at least."""
    for name, table, columns in (('points', points, 3), ('boxes', boxes, 7)):
        if table.ndim != 2 or table.shape[1] < columns:
            raise ValueError(f'{name} are a table [N, >= {columns}], not {list(table.shape)}')
    work_type = torch.promote_types(points.dtype, torch.float32)
    return points.to(work_type), boxes.to(work_type)
