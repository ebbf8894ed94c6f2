"""Boxes of many samples as columns: what nuScenes' detection score is computed from."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sparse3d.structures.quaternions import rotation_matrices


@dataclass(frozen=True)
class BoxColumns:
    """Detections or objects of any number of samples, in the order that breaks ties.

    Attributes:
        sample: (N,) int64 row of the sample.
        label: (N,) int64 row of :data:`~sparse3d.datasets.nuscenes.categories.CLASSES`.
        center: (N, 3) float64 in any frame that the samples keep [m].
        size: (N, 3) width, length, height [m].
        yaw: (N,) heading in BEV [rad].
        velocity: (N, 2) [m/s], NaN if unknown.
        attribute: (N,) int64 row of ``ATTRIBUTES``, -1 for none.
        score: (N,) confidence of detections.
        distance: (N,) from the vehicle in BEV [m].
        num_points: (N,) LiDAR and radar points of objects, -1 for unknown.
    """

    sample: np.ndarray
    label: np.ndarray
    center: np.ndarray
    size: np.ndarray
    yaw: np.ndarray
    velocity: np.ndarray
    attribute: np.ndarray
    score: np.ndarray
    distance: np.ndarray
    num_points: np.ndarray

    def __len__(self) -> int:
        return len(self.sample)

    def select(self, rows: np.ndarray) -> BoxColumns:
        """The boxes of these rows (indices or a mask)."""
        return BoxColumns(*(getattr(self, field.name)[rows] for field in fields(self)))


def join_columns(parts: Sequence[BoxColumns]) -> BoxColumns:
    """All boxes, one part after the other."""
    return BoxColumns(*(np.concatenate([getattr(part, field.name) for part in parts])
                        for field in fields(BoxColumns)))


def yaw_of(rotation: np.ndarray) -> np.ndarray:
    """Heading (N,) in BEV [rad] of quaternions (N, 4) w, x, y, z."""
    along = rotation_matrices(rotation)[:, :2, 0]
    return np.arctan2(along[:, 1], along[:, 0])
