"""Which points lie in which boxes, with the faces that mmcv's kernels count.

A box of :mod:`sparse3d.ops.points_in_boxes` holds its whole surface. Here, as in mmcv's CUDA
operators, it holds its bottom and its top but not its four sides.
"""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.cells import min_groups
from sparse3d.ops.pair_chunks import PAIRS_AT_ONCE, row_chunks


def box_members(
        points: Tensor,  # [N, 3]  x, y, z  meters
        boxes: Tensor,   # [M, 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:  # [K] rows of boxes, [K] rows of points, int64, ascending
    """All pairs of a box and a point inside, by box and then by point."""
    found = [(points.new_zeros(0, dtype=torch.long),) * 2]
    for part in row_chunks(len(boxes), len(points), pairs_at_once):
        box, point = in_boxes(points, boxes[part]).nonzero().unbind(1)
        found.append((box + part.start, point))
    rows_of_boxes, rows_of_points = zip(*found, strict=True)
    return torch.cat(rows_of_boxes), torch.cat(rows_of_points)


def in_boxes(points: Tensor, boxes: Tensor) -> Tensor:  # [N, 3], [M, 7] -> [M, N] bool
    """Whether each point lies in each box; a NaN lies nowhere. Builds the whole table."""
    along, across = local_offsets(points[None], boxes[:, None])
    half = boxes[:, None, 3:6] / 2
    middle = boxes[:, None, 2] + half[..., 2]
    return ((points[None, :, 2] - middle).abs() <= half[..., 2]) \
        & (along.abs() < half[..., 0]) & (across.abs() < half[..., 1])


def local_offsets(points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Offsets from the centers of boxes along their length and their width, by broadcasting."""
    cos, sin = boxes[..., 6].cos(), boxes[..., 6].sin()
    x, y = points[..., 0] - boxes[..., 0], points[..., 1] - boxes[..., 1]
    return x * cos + y * sin, y * cos - x * sin


def first_boxes(
        points: Tensor,  # [N, 3]
        boxes: Tensor,   # [M, 7]
) -> Tensor:             # [N] int64
    """Row of the first box that holds each point, -1 for a point in no box."""
    box, point = box_members(points, boxes)
    return min_groups(box, point, len(points), empty=-1)
