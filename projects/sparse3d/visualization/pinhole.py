"""What a projection matrix says of its camera: where it is, how it looks, its lens."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import rq


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion.

    Attributes:
        intrinsic: (3, 3) focal lengths, skew and principal point in pixels.
        rotation: (3, 3) axes of the camera (right, down, ahead) as columns, LiDAR frame.
        center: (3,) its place in meters, LiDAR frame.
    """

    intrinsic: np.ndarray
    rotation: np.ndarray
    center: np.ndarray


def split_projection(lidar2img: np.ndarray) -> Pinhole:
    """The camera of a projection.

    Args:
        lidar2img: (4, 4) or (3, 4), LiDAR frame to (u * depth, v * depth, depth).

    Source: Hartley and Zisserman, Multiple View Geometry, section 6.2.4.
    """
    matrix = np.asarray(lidar2img, float)[:3, :4]
    intrinsic, turn = rq(matrix[:, :3])
    signs = np.sign(np.diag(intrinsic))
    signs[signs == 0] = 1.0
    intrinsic, turn = intrinsic * signs, turn * signs[:, None]
    center = -np.linalg.solve(matrix[:, :3], matrix[:, 3])
    return Pinhole(intrinsic / intrinsic[2, 2], turn.T, center)
