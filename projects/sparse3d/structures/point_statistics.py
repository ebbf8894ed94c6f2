"""What the points of a training look like in numbers, and whether others look like them."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sparse3d.errors import Sparse3DWarning
from sparse3d.parallel.process_lock import ProcessLock

META_KEY = 'point_statistics'  # of a checkpoint's meta
OTHER_UNITS = 5.0     # a 99 % quantile of intensities that differs by this factor
OTHER_GROUND = 0.5    # meters beyond the lowest and highest ground of the training
OTHER_REACH = 2.5     # factor between distances
OTHER_COUNT = 5.0     # factor between numbers of points
_CELL, _NEAR = 2.0, 15.0  # meters: ground is looked for in cells of this size, so far around
_OF_CELLS = 0.4  # quantile: in more cells an object hides the ground than a hole lies in it
_MIN_IN_CELL, _MIN_CELLS = 5, 20
_QUANTILES = (0.01, 0.5, 0.99)

Limits = tuple[float, ...]


@dataclass(frozen=True)
class CloudNumbers:
    """Numbers of one cloud.

    Attributes:
        points: how many.
        ground: height of the ground around the sensor in meters; None where none is seen.
        distance: in BEV, meters, within which 99 % of the points lie.
        intensity: 1 %, 50 % and 99 % quantile; None for points without.
    """

    points: int
    ground: float | None
    distance: float
    intensity: Limits | None


@dataclass(frozen=True)
class PointStatistics:
    """Numbers of the training's clouds; plain values, for a checkpoint's meta.

    Attributes:
        frames: clouds that were looked at.
        columns: names of the numbers of a point.
        points: fewest, median, most points of a cloud.
        ground: lowest, median, highest ground in meters; None where none was seen.
        distance: smallest, median, largest :attr:`CloudNumbers.distance` in meters.
        intensity: medians over clouds of the three quantiles; None for points without.
    """

    frames: int
    columns: tuple[str, ...]
    points: Limits
    ground: Limits | None
    distance: Limits
    intensity: Limits | None

    @classmethod
    def of(cls, clouds: Sequence[CloudNumbers], columns: Sequence[str]) -> PointStatistics:
        """Over several clouds that are not empty."""
        grounds = [cloud.ground for cloud in clouds if cloud.ground is not None]
        return cls(len(clouds), tuple(columns), _limits([cloud.points for cloud in clouds]),
                   _limits(grounds) if grounds else None,
                   _limits([cloud.distance for cloud in clouds]),
                   _medians([cloud.intensity for cloud in clouds]))

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> PointStatistics | None:
        """Of a checkpoint; None if it holds none, or something else under that name."""
        found: Any = meta.get(META_KEY)
        try:
            frames, columns = int(found['frames']), tuple(map(str, found['columns']))
            points, distance = _three(found['points']), _three(found['distance'])
            ground, intensity = (None if found[key] is None else _three(found[key])
                                 for key in ('ground', 'intensity'))
        except (TypeError, ValueError, KeyError, OverflowError):
            return None
        return cls(frames, columns, points, ground, distance, intensity)

    def to_meta(self) -> dict[str, Any]:
        """Plain numbers, names and lists."""
        return {key: list(value) if isinstance(value, tuple) else value
                for key, value in asdict(self).items()}


def numbers_of_cloud(points: np.ndarray, columns: Sequence[str] = ('x', 'y', 'z', 'intensity'),
                     limits: Sequence[float] | None = None) -> CloudNumbers | None:
    """The numbers of a cloud; None if it has no point.

    Args:
        points: (N, C) x, y, z in meters, LiDAR frame, then what ``columns`` names.
        columns: names of the numbers of a point.
        limits: x, y, z from, x, y, z to: only points inside count; None for all.
    """
    if limits is not None:
        low, high = np.asarray(limits, np.float64).reshape(2, 3)
        points = points[((points[:, :3] >= low) & (points[:, :3] < high)).all(axis=1)]
    if not len(points):
        return None
    distance = np.hypot(points[:, 0], points[:, 1])
    place = list(columns).index('intensity') if 'intensity' in columns else len(points[0])
    intensity = None if place >= points.shape[1] else tuple(
        float(value) for value in np.quantile(points[:, place], _QUANTILES))
    return CloudNumbers(len(points), ground_height(points), float(np.quantile(distance, 0.99)),
                        intensity)


def ground_height(points: np.ndarray) -> float | None:
    """Height of the ground around the sensor in meters; None where few cells have points.

    The 40 % quantile, over cells of 2 m within 15 m, of where their lowest points lie: on the real
    frames of KITTI (mounted at 1.73 m) and nuScenes (1.84 m) -1.63, -1.80, -1.50 and -1.88.

    Args:
        points: (N, >=3) x, y, z in meters.
    """
    near = points[np.hypot(points[:, 0], points[:, 1]) < _NEAR, :3].astype(np.float64)
    if not len(near):
        return None
    cells = np.floor(near[:, :2] / _CELL).astype(np.int64)
    cell = cells[:, 0] * 1000 + cells[:, 1]
    order = np.lexsort((near[:, 2], cell))
    _, start, count = np.unique(cell[order], return_index=True, return_counts=True)
    enough = count >= _MIN_IN_CELL
    if enough.sum() < _MIN_CELLS:
        return None
    lowest = near[order, 2][start[enough] + count[enough] // 10]  # a tenth may lie deeper
    return float(np.quantile(lowest, _OF_CELLS))


def differences(cloud: CloudNumbers, training: PointStatistics) -> dict[str, str]:
    """Where a cloud does not look like the training's: kind to half a sentence with numbers."""
    found = {}
    if cloud.intensity is not None and training.intensity is not None:
        ours, theirs = cloud.intensity[2], training.intensity[2]
        if theirs > 0 >= ours:
            found['intensity'] = (f'all intensities are {ours:g}, in training 99 % lay below '
                                  f'{theirs:.3g}')
        elif _apart(ours, theirs, OTHER_UNITS):
            found['intensity'] = (
                f'99 % of the intensities lie below {ours:.3g}, in training below {theirs:.3g} '
                f'(other units? --intensity-scale {theirs / ours:.2g})')
    if cloud.ground is not None and training.ground is not None:
        low, middle, high = training.ground
        if not low - OTHER_GROUND <= cloud.ground <= high + OTHER_GROUND:
            found['ground'] = (
                f'the ground lies at z {cloud.ground:.2f} m, in training at {middle:.2f} m '
                f'({low:.2f} to {high:.2f}; another mounting height? --sensor-height)')
    if cloud.distance * OTHER_REACH < training.distance[0] \
            or cloud.distance > OTHER_REACH * training.distance[2]:
        found['distance'] = (f'99 % of the points lie within {cloud.distance:.1f} m, in training '
                             f'within {training.distance[1]:.1f} m')
    if cloud.points * OTHER_COUNT < training.points[0] \
            or cloud.points > OTHER_COUNT * training.points[2]:
        found['points'] = (f'{cloud.points:,} points lie in the range, in training '
                           f'{training.points[0]:,.0f} to {training.points[2]:,.0f}')
    return found


class TrainingComparison:
    """Looks at clouds and warns once of each way in which they do not look like the training's.

    Args:
        training: None has nothing to say (a released checkpoint holds no statistics).
        limits: range of the model; points outside do not count.
        say_ground: takes the height of a cloud's ground (None where none is seen) and those of the
            training, gives half a sentence or None; by default :func:`differences` says it.
    """

    def __init__(self, training: PointStatistics | None, limits: Sequence[float] | None = None,
                 say_ground: Callable[[float | None, Limits | None], str | None] | None = None
                 ) -> None:
        self.training, self._limits, self._say_ground = training, limits, say_ground
        self._said: set[str] = set()
        self._lock = ProcessLock()

    def look(self, points: Any, name: str, stacklevel: int = 2) -> None:
        """Look at one cloud.

        Args:
            points: (N, C) as the model takes them; array or tensor. Anything else is passed over.
            name: of the frame, for the warning.
            stacklevel: of the warning, from here.
        """
        points = points.detach().cpu().numpy() if hasattr(points, 'detach') else points
        if self.training is None or not isinstance(points, np.ndarray):
            return
        cloud = numbers_of_cloud(points, self.training.columns, self._limits)
        if cloud is None:
            return  # an empty cloud is a normal frame, one out of range is reported elsewhere
        found = differences(cloud, self.training)
        if self._say_ground is not None:
            found.pop('ground', None)
            sentence = self._say_ground(cloud.ground, self.training.ground)
            found.update({} if sentence is None else {'ground': sentence})
        with self._lock:
            new = {kind: text for kind, text in found.items() if kind not in self._said}
            self._said.update(new)
        if new:
            warnings.warn(f'the points of {name} do not look like those of the training: '
                          f'{"; ".join(new.values())}', Sparse3DWarning, stacklevel=stacklevel + 1)


def _three(values: Any) -> Limits:
    """Three finite numbers.

    Raises:
        TypeError, ValueError: for anything else.
    """
    low, middle, high = map(float, values)
    if not np.isfinite([low, middle, high]).all():
        raise ValueError('numbers that are not finite')
    return low, middle, high


def _apart(one: float, other: float, factor: float) -> bool:
    return min(one, other) > 0 and max(one, other) > factor * min(one, other)


def _limits(values: Sequence[float]) -> Limits:
    return float(np.min(values)), float(np.median(values)), float(np.max(values))


def _medians(values: Sequence[Limits | None]) -> Limits | None:
    known = [value for value in values if value is not None]
    return tuple(float(value) for value in np.median(known, axis=0)) if known else None
