"""Rotations and rigid transforms.

Written without BLAS: its result may depend on the number of threads in the last bit, and
a simulation has to give the same bytes everywhere on one machine.
"""
from __future__ import annotations

import numpy as np


def yaw_rotation(yaw: float) -> np.ndarray:
    """Rotation [3, 3] by ``yaw`` radians about z, from x to y."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def pose(position: np.ndarray, yaw: float = 0.0) -> np.ndarray:
    """Transform [4, 4] from a frame at ``position`` with heading ``yaw`` to the outer frame."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = yaw_rotation(yaw), position
    return transform


def inverse(transform: np.ndarray) -> np.ndarray:
    """Inverse of a rigid transform [4, 4]."""
    inverted = np.eye(4)
    inverted[:3, :3] = transform[:3, :3].T
    inverted[:3, 3] = -rotate(transform[:3, :3].T, transform[:3, 3])
    return inverted


def rotate(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] times a matrix [3, 3] or the rotation of a transform [4, 4], float64."""
    return np.einsum('ij,...j->...i', rotation[:3, :3], vectors)


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [..., 3] moved by a rigid transform [4, 4], float64."""
    return rotate(transform, points) + transform[:3, 3]
