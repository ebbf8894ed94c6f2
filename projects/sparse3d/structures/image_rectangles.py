"""Rectangles (left, top, right, bottom) that boxes cover in an image, in plain numpy."""
from __future__ import annotations

import numpy as np

from sparse3d.structures.projection import image_coordinates, near_crossings, pixels_and_depth

NEAREST = 0.1  # depth from which something is in front of a camera [m]
_SIGNS = np.array([[x, y, z] for x in (-.5, .5) for y in (-.5, .5) for z in (0, 1)])
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8)
                   if (_SIGNS[a] != _SIGNS[b]).sum() == 1]).T  # [2, 12]


def project_rectangles(
        boxes: np.ndarray,      # (M, >=7) LiDAR boxes, bottom center
        lidar2img: np.ndarray,  # (4, 4)
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the part of each box in front of the camera, not clipped to any image.

    Args:
        boxes: x, y, z of the bottom center, dx, dy, dz in meters, yaw in radians, LiDAR frame.
        lidar2img: see :mod:`sparse3d.structures.projection`.

    Returns:
        (M, 4) float64 left, top, right, bottom in pixels, all 0 for what lies behind; (M,)
        bool, whether the whole box is in front.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    if not len(boxes):
        return np.zeros((0, 4)), np.zeros(0, dtype=bool)
    cos, sin = np.cos(boxes[:, 6:7]), np.sin(boxes[:, 6:7])
    x, y, z = np.moveaxis(_SIGNS * boxes[:, None, 3:6], -1, 0)             # [M, 8] each
    corners = np.stack([cos * x - sin * y, sin * x + cos * y, z], -1) + boxes[:, None, :3]
    projected = image_coordinates(corners, lidar2img[:3])                  # [M, 8, 3]
    crossings, crosses = near_crossings(projected[:, _EDGES[0]], projected[:, _EDGES[1]], NEAREST)
    points = np.concatenate([projected, crossings], axis=1)                # [M, 8 + 12, 3]
    shown = np.concatenate([projected[..., 2] > NEAREST, crosses], axis=1)
    pixels, _ = pixels_and_depth(points)
    low = np.where(shown[..., None], pixels, np.inf).min(axis=1)
    high = np.where(shown[..., None], pixels, -np.inf).max(axis=1)
    rectangles = np.concatenate([low, high], axis=1)
    rectangles[~shown.any(axis=1)] = 0
    return rectangles, shown[:, :8].all(axis=1)


def clip_rectangles(rectangles: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The parts (M, 4) inside an image of (height, width); empty ones have no area."""
    return np.clip(rectangles, 0, [size[1], size[0]] * 2)


def rectangle_areas(rectangles: np.ndarray) -> np.ndarray:
    """Areas (M,) in square pixels."""
    return (np.maximum(rectangles[:, 2] - rectangles[:, 0], 0)
            * np.maximum(rectangles[:, 3] - rectangles[:, 1], 0))


def rectangle_ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (M, N) of (M, 4) and (N, 4) rectangles; 0 where both are empty."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    union = rectangle_areas(first)[:, None] + rectangle_areas(second)[None] - common
    return common / np.maximum(union, 1e-9)
