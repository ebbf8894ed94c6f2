"""What a projection matrix says of its camera: where it is, how it looks, its lens."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.structures.projection import split_projections


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
    """
    intrinsic, rotation, translation = (
        part[0] for part in split_projections(np.asarray(lidar2img)[None]))
    return Pinhole(intrinsic, rotation.T, -rotation.T @ translation)
