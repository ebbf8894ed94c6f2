"""Labels of a log of Argoverse 2 as instances of info files."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from sparse3d.datasets.argoverse2.categories import CLASSES, EGO, NOT_EVALUATED
from sparse3d.datasets.argoverse2.feather_files import (
    QUATERNION,
    SIZE,
    TRANSLATION,
    Columns,
    read_feather,
    stacked,
)
from sparse3d.datasets.argoverse2.poses import EgoPoses, rotations_of
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import wrap_angle

LABEL_OF = {name: label for label, name in enumerate(CLASSES)} | dict.fromkeys(NOT_EVALUATED, -1)
_LONGEST_STEP = 0.25  # to the neighboring label that a velocity is taken from [s]


@dataclass(frozen=True)
class Annotations:
    """Labels of a log, sorted by time.

    Attributes:
        times: (N,) int64 [ns].
        boxes: (N, 7) LiDAR boxes (bottom center) in the vehicle frame of their time.
        velocities: (N, 2) vx, vy [m/s] in that frame; NaN where a label has no neighbor.
        categories: (N,) names.
        tracks: (N,) names of tracks.
        num_points: (N,) int64 LiDAR points, -1 where the file does not say.
        ego_rows: rows of the recording vehicle that were left out.
        repeated_rows: rows that say what another one says, left out.
    """

    times: np.ndarray
    boxes: np.ndarray
    velocities: np.ndarray
    categories: np.ndarray
    tracks: np.ndarray
    num_points: np.ndarray
    ego_rows: int = 0
    repeated_rows: int = 0

    def at(self, time: int) -> np.ndarray:
        """Rows of the labels of a time."""
        return np.arange(np.searchsorted(self.times, time),
                         np.searchsorted(self.times, time, side='right'))

    def instances(self, rows: np.ndarray, counted: np.ndarray | None = None) -> list[dict]:
        """Entries of ``instances``.

        Args:
            counted: LiDAR points of the rows, where the file does not say.
        """
        points = self.num_points[rows] if counted is None else counted
        labels = [LABEL_OF[name] for name in self.categories[rows]]
        return [dict(bbox_3d=self.boxes[row].tolist(), bbox_label_3d=label, bbox_label=label,
                     num_lidar_pts=int(number), velocity=self.velocities[row].tolist(),
                     category=str(self.categories[row]), track_id=str(self.tracks[row]))
                for row, label, number in zip(rows, labels, points, strict=True)]


def read_annotations(path: Path, poses: EgoPoses) -> Annotations:
    """The labels of a log.

    Raises:
        DataError: for a damaged file, a category that Argoverse 2 does not have, a size that is not
            above 0, or two labels of a track at one time.
    """
    columns = read_feather(path, ('timestamp_ns', 'track_uuid', 'category', *SIZE, *QUATERNION,
                                  *TRANSLATION), optional=('num_interior_pts',))
    _refuse_unknown(columns['category'], path)
    kept = np.flatnonzero(columns['category'] != EGO)
    order = kept[np.argsort(columns['timestamp_ns'][kept], kind='stable')]
    ego_rows = len(columns['category']) - len(kept)
    order, repeated = _once(columns, order, path)
    columns = {name: values[order] for name, values in columns.items()}
    size, center = stacked(columns, SIZE), stacked(columns, TRANSLATION)
    if (size <= 0).any():
        row = int(np.flatnonzero((size <= 0).any(axis=1))[0])
        raise DataError(f'{path} has a {columns["category"][row]} with the size '
                        f'{size[row].tolist()}; sizes have to be above 0')
    quaternions = rotations_of(columns, path)
    yaw = wrap_angle(2 * np.arctan2(quaternions[:, 3], quaternions[:, 0]))
    bottom = center - np.array([0, 0, 0.5]) * size
    times = columns['timestamp_ns'].astype(np.int64)
    points = columns.get('num_interior_pts', np.full(len(times), -1)).astype(np.int64)
    return Annotations(times, np.column_stack([bottom, size, yaw]),
                       velocities(times, columns['track_uuid'], center, poses),
                       columns['category'], columns['track_uuid'], points, ego_rows, repeated)


def _once(columns: Columns, order: np.ndarray, path: Path) -> tuple[np.ndarray, int]:
    """The rows without repeated ones, and how many those are.

    Raises:
        DataError: if a track has two boxes at one time.
    """
    first: dict[tuple, int] = {}
    kept = []
    for row in order.tolist():
        key = columns['timestamp_ns'][row], columns['track_uuid'][row]
        before = first.setdefault(key, row)
        if before == row:
            kept.append(row)
        elif any(values[before] != values[row] for values in columns.values()):
            raise DataError(f'{path} has two labels of the track {key[1]} at {key[0]} ns, in the '
                            f'rows {before} and {row}, that differ; a track is one object: leave '
                            f'one out')
    return np.array(kept, np.int64), len(order) - len(kept)


def velocities(times: np.ndarray, tracks: np.ndarray, centers: np.ndarray,
               poses: EgoPoses) -> np.ndarray:
    """vx, vy (N, 2) [m/s] in the vehicle frame of each label, from the labels before and after.

    NaN where a track has no other label within 0.25 s, or there is no pose.
    """
    known = poses.has(times)
    result = np.full((len(times), 2), np.nan)
    rows = np.flatnonzero(known)
    if not len(rows):
        return result
    matrices = poses.at(times[rows])
    city = np.einsum('nij,nj->ni', matrices[:, :3, :3], centers[rows]) + matrices[:, :3, 3]
    numbers = np.unique(tracks[rows].astype(str), return_inverse=True)[1]
    order = np.lexsort((times[rows], numbers))
    near = (np.diff(numbers[order]) == 0) & (np.diff(times[rows][order]) <= _LONGEST_STEP * 1e9)
    place = np.arange(len(order))
    before = place - np.append(False, near)
    after = place + np.append(near, False)
    seconds = (times[rows][order][after] - times[rows][order][before]) * 1e-9
    moved = city[order][after] - city[order][before]
    with np.errstate(divide='ignore', invalid='ignore'):
        speed = moved / np.where(seconds > 0, seconds, np.nan)[:, None]
    turned = np.einsum('nji,nj->ni', matrices[order][:, :3, :3], speed)
    result[rows[order]] = turned[:, :2]
    return result


def _refuse_unknown(categories: np.ndarray, path: Path) -> None:
    unknown = Counter(name for name in categories if name not in LABEL_OF and name != EGO)
    if not unknown:
        return
    name, count = unknown.most_common(1)[0]
    near = get_close_matches(str(name).upper(), LABEL_OF, n=1, cutoff=0.5)
    hint = f'; it is called {near[0]} there' if near else ''
    raise DataError(f'{path} has {count} labels of the category {name!r}, which is none of the '
                    f'{len(LABEL_OF)} of Argoverse 2{hint}')
