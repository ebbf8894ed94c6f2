"""Boxes of many sweeps as columns: what Argoverse 2's detection scores are computed from."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.quaternions import rotation_matrices

_SIGNS = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)]) / 2


@dataclass(frozen=True)
class BoxColumns:
    """Detections or objects of any number of sweeps, in the vehicle frame of their time.

    Attributes:
        log: (N,) names of logs, as objects or text.
        timestamp: (N,) int64 [ns].
        label: (N,) int64 rows of the classes that are evaluated, -1 for others.
        center: (N, 3) float64 geometric center [m].
        size: (N, 3) length, width, height [m].
        rotation: (N, 4) quaternion w, x, y, z.
        score: (N,) of detections.
        num_points: (N,) int64 LiDAR points of objects.
    """

    log: np.ndarray
    timestamp: np.ndarray
    label: np.ndarray
    center: np.ndarray
    size: np.ndarray
    rotation: np.ndarray
    score: np.ndarray
    num_points: np.ndarray

    def __post_init__(self) -> None:
        if not all(len(getattr(self, field.name)) == len(self.log) for field in fields(self)):
            raise DataError('columns of boxes differ in length: ' + ', '.join(
                f'{field.name} {len(getattr(self, field.name))}' for field in fields(self)))

    def __len__(self) -> int:
        return len(self.log)

    def select(self, rows: np.ndarray) -> BoxColumns:
        """The boxes of these rows (indices or a mask)."""
        return BoxColumns(*(getattr(self, field.name)[rows] for field in fields(self)))

    def yaw(self) -> np.ndarray:
        """(N,) headings [rad]."""
        along = rotation_matrices(self.rotation)[:, :2, 0]
        return np.arctan2(along[:, 1], along[:, 0])

    def corners(self) -> np.ndarray:
        """(N, 8, 3) corners, vehicle frame."""
        local = self.size[:, None, :] * _SIGNS
        turned = local @ np.swapaxes(rotation_matrices(self.rotation), 1, 2)
        return turned + self.center[:, None, :]


def make_columns(log: Sequence[str] | np.ndarray, timestamp: np.ndarray, label: np.ndarray,
                 boxes: np.ndarray, score: np.ndarray | None = None,
                 num_points: np.ndarray | None = None) -> BoxColumns:
    """Columns of boxes (N, 10): center, length, width, height, quaternion w, x, y, z.

    Raises:
        DataError: for columns of other lengths, numbers that are not finite, or sizes that are not
            above 0.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 10)
    count = len(boxes)
    score = np.ones(count) if score is None else np.asarray(score, np.float64)
    points = np.ones(count, np.int64) if num_points is None else np.asarray(num_points, np.int64)
    columns = BoxColumns(
        np.asarray(log), np.asarray(timestamp, np.int64), np.asarray(label, np.int64),
        boxes[:, :3], boxes[:, 3:6], boxes[:, 6:], score, points)
    usable = np.isfinite(boxes).all(axis=1) & np.isfinite(score) & (boxes[:, 3:6] > 0).all(axis=1)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise DataError(f'the box {row}, {boxes[row, :6].tolist()} with the score {score[row]}, '
                        f'is none: its numbers have to be finite and its sizes above 0')
    return columns


def join_columns(parts: Sequence[BoxColumns]) -> BoxColumns:
    """All boxes, one part after the other; there is at least one part."""
    return BoxColumns(*(np.concatenate([getattr(part, field.name) for part in parts])
                        for field in fields(BoxColumns)))


def rotation_of_yaw(yaw: np.ndarray) -> np.ndarray:
    """Quaternions (N, 4) w, x, y, z of headings (N,) [rad]."""
    zero = np.zeros(len(yaw))
    return np.column_stack([np.cos(yaw / 2), zero, zero, np.sin(yaw / 2)])
