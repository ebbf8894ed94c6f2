"""Corners and edges of boxes, for everything that draws them as lines."""
from __future__ import annotations

import numpy as np

from sparse3d.structures.box_geometry import bev_corners

# Corners 0-3 are the bottom face, 4-7 the top face; 0 and 1 (4 and 5) are at the front.
EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4],
                  [0, 4], [1, 5], [2, 6], [3, 7]])
LEAST_SPEED = 0.2  # from here on a box is drawn as moving [m/s]


def box_corners(boxes: np.ndarray) -> np.ndarray:
    """The eight corners of LiDAR boxes, (M, 8, 3); order as in ``EDGES``."""
    boxes = np.asarray(boxes, dtype=np.float64)
    ground = np.repeat(bev_corners(boxes)[:, None], 2, axis=1)      # [M, 2, 4, 2]
    heights = np.stack([boxes[:, 2], boxes[:, 2] + boxes[:, 5]], axis=1)
    heights = np.broadcast_to(heights[:, :, None, None], (len(boxes), 2, 4, 1))
    return np.concatenate([ground, heights], axis=-1).reshape(-1, 8, 3)


def heading_marks(boxes: np.ndarray) -> np.ndarray:
    """A line for each box on the ground from its center to beyond its front, (M, 2, 3)."""
    boxes = np.asarray(boxes, dtype=np.float64)
    direction = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1)
    reach = boxes[:, 3:4] / 2 + np.maximum(0.25 * boxes[:, 3:4], 0.5)
    ends = boxes[:, :3].copy()
    ends[:, :2] += direction * reach
    return np.stack([boxes[:, :3], ends], axis=1)


def velocity_marks(boxes: np.ndarray) -> np.ndarray:
    """Where each moving box goes in the next second, from its center, (K, 2, 3).

    Args:
        boxes: (M, 7) or, with velocities, (M, 9); NaN is unknown and gives no line.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.shape[1] < 9:
        return np.zeros((0, 2, 3))
    boxes = boxes[np.nan_to_num(np.hypot(boxes[:, 7], boxes[:, 8])) > LEAST_SPEED]
    ends = boxes[:, :3].copy()
    ends[:, :2] += boxes[:, 7:9]
    return np.stack([boxes[:, :3], ends], axis=1)


def box_segments(boxes: np.ndarray) -> np.ndarray:
    """Edges and heading marks of boxes as line segments, (13 M, 2, 3)."""
    if len(boxes) == 0:
        return np.zeros((0, 2, 3))
    edges = box_corners(boxes)[:, EDGES]                             # [M, 12, 2, 3]
    return np.concatenate([edges.reshape(-1, 2, 3), heading_marks(boxes)])


def dashed(segments: np.ndarray, dash: float = 0.45, gap: float = 0.30) -> np.ndarray:
    """Segments (S, 2, 3) cut into dashes, (T, 2, 3); lengths in meters.

    For what draws solid lines only. Each segment begins and ends with a dash.
    """
    parts = []
    for start, end in segments:
        length = float(np.linalg.norm(end - start))
        count = max(int(round((length - dash) / (dash + gap))), 0) + 1
        size = 1.0 if count == 1 else dash / (count * dash + (count - 1) * gap)
        starts = np.linspace(0, 1 - size, count)[:, None]
        parts.append(np.stack([start + starts * (end - start),
                               start + (starts + size) * (end - start)], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, 2, 3))
