"""Quaternions as nuScenes and others write rotations: w, x, y, z."""
from __future__ import annotations

import numpy as np


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices of quaternions of any length but zero.

    Args:
        quaternions: (..., 4) w, x, y, z.

    Returns:
        (..., 3, 3) float64; a quaternion of length zero gives zeros.

    Raises:
        ValueError: if they do not have four numbers each.
    """
    values = np.asarray(quaternions, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != 4:
        raise ValueError(f'a quaternion has 4 numbers, not {values.shape[-1:]} of {values.shape}')
    length = np.sqrt((values * values).sum(axis=-1, keepdims=True))
    w, x, y, z = np.moveaxis(values / np.where(length == 0, 1.0, length), -1, 0)
    rows = [[w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
