"""Transform that reads Argoverse 2's sweeps, of the frame alone or with the sweeps before it."""
from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.datasets.argoverse2.feather_files import read_feather
from sparse3d.errors import ConfigError
from sparse3d.transforms.given_arrays import given_points

COLUMNS = ('x', 'y', 'z', 'intensity')


def read_sweep(path: str | os.PathLike) -> np.ndarray:
    """Points (N, 4) float32: x, y, z [m] in the vehicle frame, intensity 0 to 255.

    Coordinates are stored in half precision: steps of 1/16 m beyond 64 m, of 1/8 m beyond 128 m.

    Raises:
        DataError: for a file that is absent or damaged.
    """
    columns = read_feather(path, COLUMNS)
    return np.column_stack([columns[name].astype(np.float32) for name in COLUMNS])


@TRANSFORMS.register_module()
class LoadArgoverse2Points(BaseTransform):
    """Read x, y, z [m], intensity (0 to 255) of a frame and of earlier ones.

    Earlier points are brought into the vehicle frame of now by the poses of the vehicle. With
    more than one frame a fifth column holds the age in seconds. At the start of a log there are
    fewer frames.

    Needs ``lidar_path``; with ``num_frames`` > 1 also ``lidar_sweeps``, ``ego2global`` and
    ``timestamp_ns``. Or it takes ``points`` of the columns that it would give
    (:mod:`sparse3d.transforms.given_arrays`). Adds ``points`` (``LiDARPoints``).

    Args:
        num_frames: how many frames, the current one included.
        intensity_scale: what intensity is multiplied by; 1 / 255 brings it into 0 to 1.

    Raises:
        ConfigError: for no frame, or more frames than the data set keeps.
        DataError: naming the file that is missing or damaged.
    """

    def __init__(self, num_frames: int = 1, intensity_scale: float = 1.0) -> None:
        if num_frames < 1:
            raise ConfigError(f'LoadArgoverse2Points needs at least one frame, not {num_frames}')
        self.num_frames, self.intensity_scale = num_frames, intensity_scale
        self.point_columns = COLUMNS if num_frames == 1 else (*COLUMNS, 'age')

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        points = self._read(results) if points is None else points
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results

    def _read(self, results: Mapping) -> np.ndarray:
        now = self._load(results['lidar_path'])
        if self.num_frames == 1:
            return now
        sweeps = results['lidar_sweeps']
        if len(sweeps) < self.num_frames - 1 and results.get('more_sweeps'):
            raise ConfigError(f'LoadArgoverse2Points wants {self.num_frames} frames but the data '
                              f'set keeps fewer: set its max_sweeps to {self.num_frames - 1}')
        parts = [_with_age(now, 0.0)]
        for sweep in sweeps[:self.num_frames - 1]:
            points = self._load(sweep['lidar_path'])
            points[:, :3] = to_frame_of_now(points[:, :3], sweep['ego2global'],
                                            results['ego2global'])
            age = (results['timestamp_ns'] - sweep['timestamp_ns']) * 1e-9
            parts.append(_with_age(points, age))
        return np.concatenate(parts)

    def _load(self, path: str) -> np.ndarray:
        points = read_sweep(path)
        points[:, 3] *= self.intensity_scale
        return points

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(num_frames={self.num_frames}, '
                f'intensity_scale={self.intensity_scale})')


def to_frame_of_now(points: np.ndarray, ego2global: np.ndarray,
                    ego2global_now: np.ndarray) -> np.ndarray:
    """Points (N, 3) of an earlier vehicle frame in the present one, float64."""
    then, now = np.asarray(ego2global, np.float64), np.asarray(ego2global_now, np.float64)
    rotation = now[:3, :3].T @ then[:3, :3]
    offset = now[:3, :3].T @ (then[:3, 3] - now[:3, 3])  # both are large: subtracted first
    return points.astype(np.float64) @ rotation.T + offset


def _with_age(points: np.ndarray, age: float) -> np.ndarray:
    return np.column_stack([points, np.full(len(points), age, dtype=np.float32)])
