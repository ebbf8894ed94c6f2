"""Corners, contents and collisions of LiDAR boxes in plain numpy, for files and loading.

Preparation and data loading run in many small processes; these functions need
neither tensors nor compilation there. Operators on tensors are in ``sparse3d.ops``.
"""
from __future__ import annotations

import numpy as np

_CORNER_SIGNS = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) / 2


def bev_corners(boxes: np.ndarray) -> np.ndarray:
    """Corners of the ground rectangles of LiDAR boxes, (M, 4, 2), in order around the box."""
    boxes = np.asarray(boxes, dtype=np.float64)
    cos, sin = np.cos(boxes[:, 6, None]), np.sin(boxes[:, 6, None])
    local = _CORNER_SIGNS * boxes[:, None, 3:5]  # [M, 4, 2]
    x = local[..., 0] * cos - local[..., 1] * sin + boxes[:, None, 0]
    y = local[..., 0] * sin + local[..., 1] * cos + boxes[:, None, 1]
    return np.stack([x, y], axis=-1)


def points_in_box(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Rows of the points strictly inside one LiDAR box.

    Args:
        points: (N, >=3) x, y, z in meters, LiDAR frame.
        box: (7,) x, y, z_bottom, dx, dy, dz, yaw.

    Returns:
        Rising row numbers, int64.
    """
    x, y, z, length, width, height, yaw = np.asarray(box, dtype=np.float64)[:7]
    radius = 0.5 * np.hypot(length, width)
    near = np.flatnonzero((np.abs(points[:, 0] - x) <= radius)
                          & (np.abs(points[:, 1] - y) <= radius))
    local = points[near, :3].astype(np.float64) - (x, y, z)
    along = local[:, 0] * np.cos(yaw) + local[:, 1] * np.sin(yaw)
    across = local[:, 1] * np.cos(yaw) - local[:, 0] * np.sin(yaw)
    inside = ((np.abs(along) < length / 2) & (np.abs(across) < width / 2)
              & (local[:, 2] > 0) & (local[:, 2] < height))
    return near[inside]


def points_in_each_box(points: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
    """:func:`points_in_box` for many boxes: the points are sorted once, not looked through M times.

    Args:
        points: (N, >=3) x, y, z in meters, LiDAR frame.
        boxes: (M, >=7) LiDAR boxes.

    Returns:
        For each box rising row numbers, int64.
    """
    boxes = np.asarray(boxes).reshape(-1, np.shape(boxes)[-1])
    x, y = np.ascontiguousarray(points[:, :2].T)
    order = np.argsort(x)
    radii = 0.5 * np.hypot(boxes[:, 3], boxes[:, 4]) + 1e-3  # rounding must not decide here
    # In the points' own type: another would copy all of them for the search.
    ends = np.searchsorted(x[order], (boxes[:, 0] + np.stack([-radii, radii])).astype(x.dtype))
    inside = []
    for box, radius, begin, end in zip(boxes, radii, *ends, strict=True):
        near = order[begin:end]
        near = np.sort(near[np.abs(y[near] - box[1]) <= radius])
        inside.append(near[points_in_box(points[near], box)])
    return inside


def points_in_any_box(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Rows of the points strictly inside at least one LiDAR box.

    Args:
        points: (N, >=3) x, y, z in meters, LiDAR frame.
        boxes: (M, >=7) LiDAR boxes.

    Returns:
        Rising row numbers, int64.
    """
    return np.unique(np.concatenate([np.zeros(0, np.int64), *points_in_each_box(points, boxes)]))


def boxes_collide(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether the ground rectangles of two sets of LiDAR boxes overlap.

    Two rectangles are apart exactly if one of the four directions of their edges
    separates them (separating axis theorem). Touching is not overlapping.

    Args:
        first: (M, 7) boxes.
        second: (N, 7) boxes.

    Returns:
        (M, N) bool.
    """
    first, second = np.asarray(first).reshape(-1, 7), np.asarray(second).reshape(-1, 7)
    corners_a, corners_b = bev_corners(first), bev_corners(second)
    overlap = np.ones((len(first), len(second)), dtype=bool)
    for axis in range(2):
        overlap &= _overlap_along(_edge_direction(first, axis)[:, None], corners_a, corners_b)
        overlap &= _overlap_along(_edge_direction(second, axis)[None], corners_a, corners_b)
    return overlap


def _edge_direction(boxes: np.ndarray, axis: int) -> np.ndarray:
    angle = boxes[:, 6].astype(np.float64) + axis * np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _overlap_along(
        direction: np.ndarray,  # [M or 1, N or 1, 2]
        corners_a: np.ndarray,  # [M, 4, 2]
        corners_b: np.ndarray,  # [N, 4, 2]
) -> np.ndarray:                # [M, N]
    a = (corners_a[:, None] * direction[:, :, None]).sum(-1)  # [M, N or 1, 4]
    b = (corners_b[None] * direction[:, :, None]).sum(-1)     # [M or 1, N, 4]
    return (a.min(-1) < b.max(-1)) & (b.min(-1) < a.max(-1))
