"""Where the vehicle was: KITTI's ``oxts`` files, one line a frame."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from sparse3d.datasets.kitti.prepare.text import read_lines
from sparse3d.errors import DataError

EARTH_RADIUS = 6378137.0  # as the development kit has it [m]
_USED, _COLUMNS = 6, 30   # latitude, longitude, altitude, roll, pitch, yaw; and accelerations, ...


def read_imu_poses(path: Path) -> np.ndarray:
    """Poses (N, 4, 4) float64 of the inertial unit, by frame, the first one at the origin.

    x points east, y north, z up.

    Raises:
        DataError: naming the line that is no such.

    Source: KITTI raw data development kit, the Mercator projection at the first latitude.
    """
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        if not words:
            continue
        try:
            row = [float(word) for word in words[:_USED]]
        except ValueError as error:
            raise DataError(f'line {number} of {path}: {error}') from error
        if len(words) != _COLUMNS or not np.isfinite(row).all():
            raise DataError(f'line {number} of {path} has {len(words)} numbers; a line of oxts has '
                            f'{_COLUMNS}: latitude, longitude, altitude, roll, pitch, yaw, ...')
        rows.append(row)
    if not rows:
        raise DataError(f'{path} is empty; a line of oxts belongs to each frame')
    table = np.array(rows)
    scale = np.cos(np.radians(table[0, 0])) * EARTH_RADIUS
    places = np.column_stack([
        scale * np.radians(table[:, 1]),
        scale * np.log(np.tan(np.pi / 4 + np.radians(table[:, 0]) / 2)), table[:, 2]])
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, :3] = _rotations(*table[:, 3:6].T)
    poses[:, :3, 3] = places - places[0]
    return poses


def _rotations(roll: np.ndarray, pitch: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Yaw times pitch times roll, (N, 3, 3)."""
    sin_r, sin_p, sin_y = np.sin(roll), np.sin(pitch), np.sin(yaw)
    cos_r, cos_p, cos_y = np.cos(roll), np.cos(pitch), np.cos(yaw)
    return np.stack([
        np.stack([cos_y * cos_p, cos_y * sin_p * sin_r - sin_y * cos_r,
                  cos_y * sin_p * cos_r + sin_y * sin_r], axis=-1),
        np.stack([sin_y * cos_p, sin_y * sin_p * sin_r + cos_y * cos_r,
                  sin_y * sin_p * cos_r - cos_y * sin_r], axis=-1),
        np.stack([-sin_p, cos_p * sin_r, cos_p * cos_r], axis=-1)], axis=1)
