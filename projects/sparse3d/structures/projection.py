"""Points to pixels: the one projection, for arrays of NumPy and tensors of PyTorch alike.

A projection ``lidar2img`` takes a point (x, y, z, 1) of the LiDAR frame to (u * depth, v * depth,
depth): u to the right and v down in pixels, depth in meters ahead of the camera. ``cam2img`` does
the same from the frame of the camera (x right, y down, z ahead).
"""
from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

NEAR = 1e-5  # meters; what is nearer to the image plane has no pixel

Array = TypeVar('Array', np.ndarray, Tensor)


def image_coordinates(points: Array, rows: Array) -> Array:
    """(u * depth, v * depth, depth) of points, behind the camera as well.

    Args:
        points: [..., P, 3].
        rows: [..., R, 4] rows of one projection or of several one under the other; [..., R, 3]
            without a shift. A fourth row (0, 0, 0, 1) has to be left out.

    Returns:
        [..., P, R].
    """
    turned = rows[..., :3] @ points.swapaxes(-1, -2)  # [..., R, P]: each number in one piece
    if rows.shape[-1] == 4:
        turned = turned + rows[..., 3:]
    return turned.swapaxes(-1, -2)


def pixels_and_depth(coordinates: Array, near: float = NEAR) -> tuple[Array, Array]:
    """Divide by the depth.

    A point nearer than ``near``, beside or behind the camera gets a pixel as if it were at
    ``near``, mostly far outside the image; ask the depth as well.

    Args:
        coordinates: [..., 3] from :func:`image_coordinates`.
        near: meters.

    Returns:
        Pixels [..., 2] (u, v) and depth [...] in meters.
    """
    depth = coordinates[..., 2]
    return coordinates[..., :2] / depth.clip(min=near)[..., None], depth


def project_points(points: Array, lidar2img: Array, near: float = NEAR) -> tuple[Array, Array]:
    """Pixels and depths of points in one image.

    Args:
        points: [..., P, 3] meters.
        lidar2img: (3 or 4, 3 or 4), or as many as ``points`` has leading dimensions.
        near: see :func:`pixels_and_depth`.

    Returns:
        Pixels [..., P, 2] (u, v) and depth [..., P] in meters.
    """
    return pixels_and_depth(image_coordinates(points, lidar2img[..., :3, :]), near)


def near_crossings(start: Array, end: Array, near: float) -> tuple[Array, Array]:
    """Where edges pass the depth ``near``, and which edges do.

    Args:
        start, end: [..., 3] of each edge, the depth last.
        near: meters.

    Returns:
        [..., 3], meaningless where an edge does not pass, and [...] bool.
    """
    crosses = (start[..., 2] > near) != (end[..., 2] > near)
    rise = (end[..., 2] - start[..., 2]) * crosses + ~crosses  # never zero
    return start + ((near - start[..., 2]) / rise)[..., None] * (end - start), crosses


def inside_image(pixels: Array, depth: Array, size: tuple[float, float],
                 near: float = 0.0) -> Array:
    """Which points [...] are farther than ``near`` meters and in an image of (height, width)."""
    return ((depth > near) & (pixels[..., 0] >= 0) & (pixels[..., 0] < size[1])
            & (pixels[..., 1] >= 0) & (pixels[..., 1] < size[0]))


def split_projections(lidar2img: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intrinsics (N, 3, 3), rotation (N, 3, 3) and translation (N, 3) of projections (N, 3|4, 4).

    The intrinsics are upper triangular with a positive diagonal that ends in 1; with them
    the split is unique (RQ decomposition). Rotation and translation take the LiDAR frame to the
    camera's; a mirrored scene gives a reflection, a scaled one a scaled camera frame.

    Source: Hartley and Zisserman, Multiple View Geometry, section 6.2.4.
    """
    matrix = np.asarray(lidar2img, dtype=np.float64)[:, :3]
    q, r = np.linalg.qr(matrix[:, ::-1, :3].transpose(0, 2, 1))
    upper, rotation = r.transpose(0, 2, 1)[:, ::-1, ::-1], q.transpose(0, 2, 1)[:, ::-1]
    signs = np.sign(np.diagonal(upper, axis1=1, axis2=2))
    signs[signs == 0] = 1
    upper, rotation = upper * signs[:, None], rotation * signs[:, :, None]
    scale = upper[:, 2:, 2:]
    translation = np.linalg.solve(upper, matrix[:, :, 3:])[..., 0]
    return upper / scale, rotation, translation
