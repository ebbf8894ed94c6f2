"""Transform that reads Waymo's points, of the frame alone or with the frames before it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.errors import ConfigError
from sparse3d.transforms.given_arrays import EarlierSweeps, given_points
from sparse3d.transforms.named_columns import column_names
from sparse3d.transforms.point_files import load_points

COLUMNS = 6                              # x, y, z, intensity, elongation, pixel
FEATURES = dict(intensity=3, elongation=4)


@TRANSFORMS.register_module()
class LoadWaymoPoints(BaseTransform):
    """Read x, y, z [m], intensity, elongation of a frame and of earlier ones.

    Earlier points are brought into the vehicle frame of now by the poses of the vehicle, so
    what stands still lies on itself however the vehicle turned. With more than one frame a
    sixth column holds the age in seconds. At the start of a segment there are fewer frames.

    Needs ``lidar_points``; with ``num_frames`` > 1 also ``lidar_sweeps``, ``ego2global`` and
    ``timestamp``. Or it takes ``points`` of the columns that it would give, before tanh
    (:mod:`sparse3d.transforms.given_arrays`). Adds ``points`` (``LiDARPoints``).

    Args:
        num_frames: how many frames, the current one included.
        tanh: features that go through tanh: intensity has no upper bound. With ground-truth
            sampling none of them: ``TanhFeatures`` behind it treats all points alike.

    Raises:
        ConfigError: for no frame, another feature, or more frames than the data set keeps.
        DataError: naming the file that is missing or damaged.

    Source: DSVT (CVPR 2023), multi-frame models; tanh as OpenPCDet.
    """

    def __init__(self, num_frames: int = 1, tanh: Sequence[str] = ('intensity',)) -> None:
        if num_frames < 1:
            raise ConfigError(f'LoadWaymoPoints needs at least one frame, not {num_frames}')
        unknown = set(tanh) - FEATURES.keys()
        if unknown:
            raise ConfigError(f'tanh names {", ".join(sorted(unknown))}; points have '
                              f'{" and ".join(FEATURES)}')
        self.num_frames, self.tanh = num_frames, tuple(tanh)
        self.point_columns = column_names(COLUMNS)[:COLUMNS if num_frames > 1 else COLUMNS - 1]
        self.earlier_sweeps = EarlierSweeps(num_frames - 1)

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        points = self._read(results) if points is None else self._with_tanh(points)
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results

    def _read(self, results: dict) -> np.ndarray:
        contents = results['lidar_points'].get('contents', {}).get('velodyne')
        parts = [self._load(results['lidar_path'], contents)]
        if self.num_frames > 1:
            self._refuse_too_few(results)
            parts = [_with_age(parts[0], 0.0)]
            for sweep in results['lidar_sweeps'][:self.num_frames - 1]:
                points = self._load(sweep['lidar_path'], None)
                points[:, :3] = to_frame_of_now(points[:, :3], sweep['ego2global'],
                                                results['ego2global'])
                parts.append(_with_age(points, age_of(sweep, results)))
        return np.concatenate(parts)

    def _refuse_too_few(self, results: dict) -> None:
        if len(results['lidar_sweeps']) < self.num_frames - 1 and results.get('more_sweeps'):
            raise ConfigError(
                f'LoadWaymoPoints wants {self.num_frames} frames but the data set keeps '
                f'fewer: set its max_sweeps to {self.num_frames - 1}'
            )

    def _load(self, path: str, contents: Mapping | None) -> np.ndarray:
        return self._with_tanh(load_points(path, COLUMNS, contents)[:, :5])  # [N, 5]

    def _with_tanh(self, points: np.ndarray) -> np.ndarray:
        for name in self.tanh:
            points[:, FEATURES[name]] = np.tanh(points[:, FEATURES[name]])
        return points

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_frames={self.num_frames}, tanh={self.tanh})'


def to_frame_of_now(points: np.ndarray, ego2global: np.ndarray,
                    ego2global_now: np.ndarray) -> np.ndarray:
    """Points (N, 3) of an earlier vehicle frame in the present one, float64.

    Args:
        ego2global: (4, 4) pose of the vehicle then.
        ego2global_now: (4, 4) pose of the vehicle now.
    """
    then, now = np.asarray(ego2global, np.float64), np.asarray(ego2global_now, np.float64)
    rotation = now[:3, :3].T @ then[:3, :3]
    offset = now[:3, :3].T @ (then[:3, 3] - now[:3, 3])  # both are large: subtracted first
    return points.astype(np.float64) @ rotation.T + offset


def age_of(sweep: Mapping, now: Mapping) -> float:
    """How much earlier a frame was taken [s]; times are in microseconds."""
    return (now['timestamp'] - sweep['timestamp']) * 1e-6


def _with_age(points: np.ndarray, age: float) -> np.ndarray:
    return np.column_stack([points, np.full(len(points), age, dtype=np.float32)])
