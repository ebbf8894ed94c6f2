"""Poses of the vehicle in the city, found by time."""
from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.argoverse2.feather_files import (
    QUATERNION,
    TRANSLATION,
    read_feather,
    stacked,
)
from sparse3d.errors import DataError
from sparse3d.structures.quaternions import rotation_matrices

POSES = 'city_SE3_egovehicle.feather'
SAME_POSE = 1e-6  # m, and of a rotation's numbers: rows that say the same twice


@dataclass(frozen=True)
class EgoPoses:
    """Poses of a log.

    Attributes:
        times: (N,) int64 nanoseconds, rising.
        matrices: (N, 4, 4) float64, vehicle to city.
    """

    times: np.ndarray
    matrices: np.ndarray

    def has(self, times: np.ndarray) -> np.ndarray:
        """(M,) whether there is a pose of exactly these times."""
        return np.isin(np.asarray(times, np.int64), self.times)

    def at(self, times: np.ndarray) -> np.ndarray:
        """(M, 4, 4) poses of exactly these times.

        Raises:
            DataError: for a time without a pose.
        """
        times = np.asarray(times, np.int64)
        known = self.has(times)
        if not known.all():
            raise DataError(f'{POSES} has no pose of the time {times[~known][0]} ns; fetch it '
                            f'again')
        return self.matrices[np.searchsorted(self.times, times)]

    @classmethod
    def from_columns(cls, times: np.ndarray, quaternions: np.ndarray,
                     translations: np.ndarray) -> EgoPoses:
        """From rows in any order; quaternions (N, 4) w, x, y, z."""
        order = np.argsort(times, kind='stable')
        return cls(np.asarray(times, np.int64)[order],
                   pose_matrices(quaternions, translations)[order])


def pose_matrices(quaternions: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """(N, 4, 4) float64 of quaternions (N, 4) w, x, y, z and translations (N, 3) [m]."""
    matrices = np.tile(np.eye(4), (len(quaternions), 1, 1))
    matrices[:, :3, :3] = rotation_matrices(np.asarray(quaternions).reshape(-1, 4))
    matrices[:, :3, 3] = translations
    return matrices


def read_poses(log: str | os.PathLike) -> EgoPoses:
    """The poses of a log.

    Raises:
        DataError: for a file that is absent or damaged, a quaternion that is no rotation, or two
            poses of one time.
    """
    path = os.path.join(log, POSES)
    columns = read_feather(path, ('timestamp_ns', *QUATERNION, *TRANSLATION))
    poses = EgoPoses.from_columns(columns['timestamp_ns'], rotations_of(columns, path),
                                  stacked(columns, TRANSLATION))
    same = np.diff(poses.times) == 0
    other = np.abs(np.diff(poses.matrices, axis=0)).max(axis=(1, 2), initial=0) > SAME_POSE
    if (same & other).any():
        time = poses.times[1:][same & other][0]
        raise DataError(f'{path} has two poses of the time {time} ns that differ; fetch it again')
    return poses


def rotations_of(columns: dict[str, np.ndarray], path: str | os.PathLike) -> np.ndarray:
    """Quaternions (N, 4) w, x, y, z of a file.

    Raises:
        DataError: for one whose length is not 1.
    """
    quaternions = stacked(columns, QUATERNION)
    off = np.abs(np.linalg.norm(quaternions, axis=1) - 1) > 0.01
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise DataError(f'{path} has the quaternion {quaternions[row].tolist()} in row {row}, no '
                        f'rotation: its length has to be 1')
    return quaternions
