"""Clouds of several LiDARs, and of earlier moments, as the points of one moment in one frame."""
from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.point_clouds import cloud_columns, point_times, without_times
from sparse3d.recordings.transform_tree import MissingTransform, TransformTree
from sparse3d.transforms.given_arrays import EarlierSweeps
from sparse3d.transforms.named_columns import points_of_columns

SLICES = 32  # times of a sweep that its points are moved from


@dataclass(frozen=True)
class StampedCloud:
    """A cloud with the time that was found for it [ns]."""

    topic: str
    stamp: int
    message: Any


class CloudPlacer:
    """Brings clouds into a frame at a moment.

    Args:
        tree: of transforms.
        columns: of the points that are wanted, x, y, z first; ``age`` is filled in elsewhere.
        left_out: counts points and clouds that cannot be used.
        deskew: move each point from the time at which it was measured.
    """

    def __init__(self, tree: TransformTree, columns: Sequence[str], left_out: LeftOut,
                 deskew: bool = False) -> None:
        self._tree, self._left_out, self._deskew = tree, left_out, deskew
        self._names = tuple(name for name in columns if name != 'age')

    def place(self, cloud: StampedCloud, frame: str, stamp: int,
              fixed: str | None) -> np.ndarray | None:
        """Points (N, C) without the age; None, and counted, where the cloud cannot be used.

        Args:
            frame: that points are wanted in.
            stamp: of the moment.
            fixed: a frame that stands still; None if none is known.
        """
        what = f'clouds of {shown(cloud.topic)}'
        try:
            columns = cloud_columns(cloud.message)
            points = points_of_columns(without_times(columns), self._names, shown(cloud.topic))
            matrix = self._matrix(cloud.message.header.frame_id, cloud.stamp, frame, stamp, fixed)
        except MissingTransform as error:
            self._left_out.add(what, str(error))
            return None
        except DataError as error:
            self._left_out.add(what, f'damaged: {str(error)[:160]}')
            return None
        if not len(points):
            self._left_out.add(what, 'empty')
            return None
        times = point_times(columns, cloud.stamp) if self._deskew else None
        finite = np.isfinite(points).all(axis=1)
        if not finite.all():
            if cloud.message.is_dense or (np.isfinite(points[:, :3]).all(axis=1) & ~finite).any():
                self._left_out.add(f'points of {shown(cloud.topic)}', 'NaN or infinity in a cloud '
                                   'that declares none', int((~finite).sum()))
            points, times = points[finite], None if times is None else times[finite]
            if not len(points):
                self._left_out.add(what, 'no finite point in them')
                return None
        if times is not None and fixed is not None:
            return self._deskewed(points, times, cloud, frame, stamp, fixed, matrix)
        return moved(points, matrix)

    def _matrix(self, sensor: str, then: int, frame: str, now: int,
                fixed: str | None) -> np.ndarray:
        """``frame_now_from_sensor_then``."""
        if fixed is None or then == now:
            return self._tree.lookup(frame, sensor, now)
        return np.linalg.inv(self._tree.lookup(fixed, frame, now)) @ self._tree.lookup(
            fixed, sensor, then)

    def _deskewed(self, points: np.ndarray, times: np.ndarray, cloud: StampedCloud, frame: str,
                  stamp: int, fixed: str, matrix: np.ndarray) -> np.ndarray:
        """Each point moved from where the sensor was when it was measured, in slices of time."""
        known = np.where(np.isfinite(times), times, 0.0)
        low, span = known.min(), max(float(np.ptp(known)), 1e-9)
        slices = np.minimum(((known - low) / span * SLICES).astype(int), SLICES - 1)
        result = np.empty_like(points)
        for number in np.unique(slices):
            rows = slices == number
            then = cloud.stamp + round(float(known[rows].mean()) * 1e9)
            try:
                step = self._matrix(cloud.message.header.frame_id, then, frame, stamp, fixed)
            except MissingTransform:
                self._left_out.add(f'slices of clouds of {shown(cloud.topic)}', 'not compensated '
                                   'for motion: no transform of their time')
                step = matrix
            result[rows] = moved(points[rows], step)
        return result


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (N, C) with x, y, z moved by (4, 4), float32; themselves where nothing moves."""
    if np.array_equal(matrix, np.eye(4)):
        return points
    result = points.copy()
    result[:, :3] = points[:, :3].astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return result


class SweepHistory:
    """The points of earlier moments, as many as the model wants.

    Args:
        wanted: how many, and what of them.
        columns: of the points that are given out.
    """

    def __init__(self, wanted: EarlierSweeps, columns: Sequence[str]) -> None:
        self._wanted, self._with_age = wanted, 'age' in columns
        self._column = list(columns).index('age') if self._with_age else 0
        self._sweeps: deque[tuple[int, np.ndarray, np.ndarray]] = deque(maxlen=wanted.count)

    def __len__(self) -> int:
        return len(self._sweeps)

    def clear(self) -> None:
        """Forget them: another time begins."""
        self._sweeps.clear()

    def with_earlier(self, points: np.ndarray, stamp: int,
                     pose: np.ndarray | None) -> np.ndarray:
        """Points of now with those of before, newest first, in the frame of now, with their age.

        Args:
            points: (N, C) without the age.
            stamp: of now [ns].
            pose: ``fixed_from_frame`` of now; None leaves the earlier ones out.
        """
        parts = [self._aged(points, 0.0)]
        if pose is not None:
            back = np.linalg.inv(pose)
            for then, sweep, then_pose in reversed(self._sweeps):
                parts.append(self._aged(moved(self._far(sweep), back @ then_pose),
                                        (stamp - then) / 1e9))
        if len(parts) == 1 and self._wanted.repeat_first:
            parts += [self._aged(self._far(points), 0.0)] * self._wanted.count
        return np.concatenate(parts)

    def add(self, points: np.ndarray, stamp: int, pose: np.ndarray | None) -> None:
        """Keep the points of a moment, if it is known where the vehicle was."""
        if self._wanted.count and pose is not None:
            self._sweeps.append((stamp, points, pose))

    def _far(self, points: np.ndarray) -> np.ndarray:
        near = self._wanted.min_distance
        return points[(np.abs(points[:, :2]) >= near).any(axis=1)] if near else points

    def _aged(self, points: np.ndarray, age: float) -> np.ndarray:
        if not self._with_age:
            return points
        return np.insert(points, self._column, np.float32(age), axis=1).astype(np.float32)
