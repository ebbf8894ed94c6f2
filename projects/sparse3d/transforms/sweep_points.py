"""Points of several LiDAR sweeps in the frame of the newest, for nuScenes."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sparse3d.ops.moved_sweeps import COLUMNS, moved_sweep
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.point_files import points_of_bytes, read_rows

NEAR_THE_CAR = 1.0  # points of a sweep nearer than this in x and y show the car itself [m]


def load_sweep_points(root: Path, entry: Mapping) -> np.ndarray:
    """Points of a key frame with all its sweeps.

    Args:
        root: data root.
        entry: of an info file of :func:`sparse3d.datasets.nuscenes.prepare.prepare_nuscenes`.

    Returns:
        (N, 5) float32: x, y, z in meters in the key frame's LiDAR frame, intensity, age in
        seconds.

    Raises:
        DataError: naming the file that is missing or damaged.
    """
    key = path_inside(root / 'samples/LIDAR_TOP', entry['lidar_points']['lidar_path'])
    sweeps = [(path_inside(root, sweep['lidar_points']['lidar_path']),
               sweep['lidar_points']['lidar2sensor'], entry['timestamp'] - sweep['timestamp'])
              for sweep in entry.get('lidar_sweeps', ())]
    return merge_sweeps(key, sweeps)


def merge_sweeps(key: str | os.PathLike,
                 sweeps: Sequence[tuple[str | os.PathLike, Sequence, float]]) -> np.ndarray:
    """Points of a key frame and of other sweeps; see :func:`load_sweep_points`.

    Args:
        key: file of the key frame.
        sweeps: of each other sweep its file, ``lidar2sensor`` and age in seconds.
    """
    read: dict[str, bytes] = {}   # a file that stands there several times is read once
    for path in (key, *(sweep[0] for sweep in sweeps)):
        if str(path) not in read:
            read[str(path)] = read_rows(path, COLUMNS)
    points = points_of_bytes(read[str(key)], COLUMNS, key)
    points[:, 4] = 0
    merged = _merged(points, [(read[str(path)], *motion) for path, *motion in sweeps])
    if merged is not None:
        return merged
    parts = [points]
    for path, lidar2sensor, age in sweeps:
        points = points_of_bytes(read[str(path)], COLUMNS, path)
        points = points[(np.abs(points[:, :2]) >= NEAR_THE_CAR).any(axis=1)]
        points[:, :3] = to_key_frame(points[:, :3], lidar2sensor)
        points[:, 4] = age
        parts.append(points)
    return np.concatenate(parts)


def _merged(points: np.ndarray,
            sweeps: Sequence[tuple[bytes, Sequence, float]]) -> np.ndarray | None:
    """By the compiled kernels; None where there are none, or where points are left out."""
    rows = sum(len(content) for content, *_ in sweeps) // (4 * COLUMNS)
    merged = np.empty((len(points) + rows, COLUMNS), np.float32)
    merged[:len(points)] = points
    end = len(points)
    for content, lidar2sensor, age in sweeps:
        count = moved_sweep(content, lidar2sensor, NEAR_THE_CAR, age, merged[end:])
        if count is None:
            return None
        end += count
    return merged[:end]


def to_key_frame(points: np.ndarray, lidar2sensor: Sequence) -> np.ndarray:
    """Bring points (N, 3) of a sweep into the LiDAR frame of its key frame.

    Args:
        lidar2sensor: (4, 4) rigid transform from the key frame's LiDAR to the sweep's.
    """
    matrix = np.asarray(lidar2sensor, dtype=np.float64)
    return (points.astype(np.float64) - matrix[:3, 3]) @ matrix[:3, :3]
