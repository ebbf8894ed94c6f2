"""Which frames of a custom data set follow each other: ``frames.json``, which is optional.

    {"<name>": {"timestamp": 12.3, "scene": "drive 1", "lidar2global": 4x4}, ...}

Seconds; scenes (default: all one) are drives without gaps; ``lidar2global`` is the pose of what
boxes and calibration are given in (without a LiDAR: of the car or the tripod) in any frame that
stands still during a scene.
"""
from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json

FILE = 'frames.json'
_KEYS = ('timestamp', 'scene', 'lidar2global')
_LONG_GAP = 20.0  # seconds between neighbors: a drive has shorter ones, other units longer ones
_LATEST = 1e11     # seconds: the year 5138; times since 1970 in other units are larger


@dataclass(frozen=True)
class FrameTime:
    """When and where a frame was taken; ``lidar2global`` is (4, 4), or None if nobody knows."""

    scene: str
    timestamp: float
    lidar2global: np.ndarray | None


def read_times(root: Path, names: Iterable[str], others: bool = False) -> dict[str, FrameTime]:
    """``<root>/frames.json`` by frame; empty if there is no such file.

    Args:
        root: of the data set.
        names: of all frames, each of which must be in the file.
        others: whether the file may name further frames.

    Raises:
        DataError: for a frame that is not there or not in the file, a key that nobody reads, times
            that are no seconds or stand twice in a scene, or a pose that is none.
    """
    path = root / FILE
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f'{path} is no dict of frames by name')
    content = {unicodedata.normalize('NFC', name): entry for name, entry in content.items()}
    names = set(names)
    absent = sorted(names - set(content))
    if absent:
        raise DataError(f'{path} says nothing of the frame {absent[0]} ({len(absent)} of '
                        f'{len(names)} frames are not in it)')
    unknown = sorted(set(content) - names)
    if unknown and not others:
        near = get_close_matches(unknown[0], names, n=1)
        raise DataError(f'{path} names the frame {unknown[0]}, which is not there'
                        + (f'; did you mean {near[0]}?' if near else ''))
    times = {name: _time(content[name], f'{path}: {name}') for name in sorted(names)}
    _refuse_odd_times(times, path)
    return times


def in_order(names: Iterable[str], times: Mapping[str, FrameTime]) -> list[str]:
    """Names scene by scene in order of time; as they are without times."""
    if not times:
        return list(names)
    return sorted(names, key=lambda name: (times[name].scene, times[name].timestamp))


def _time(entry: Any, where: str) -> FrameTime:
    if not isinstance(entry, Mapping):
        raise DataError(f'{where} is {entry!r:.40}, not a dict of {", ".join(_KEYS)}')
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise DataError(f'{where}: nobody reads {unknown[0]!r}; there are {", ".join(_KEYS)}')
    pose = None if entry.get('lidar2global') is None else _pose(entry['lidar2global'], where)
    return FrameTime(str(entry.get('scene', '')), _seconds(entry.get('timestamp'), where), pose)


def _seconds(value: Any, where: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float) else np.nan
    except OverflowError:
        number = np.inf
    if isinstance(value, bool) or not np.isfinite(number):
        raise DataError(f'{where}: timestamp is {value!r:.40}, no number of seconds')
    if abs(number) > _LATEST:
        raise DataError(f'{where}: timestamp is {value!r:.40}, which is milliseconds, microseconds '
                        f'or nanoseconds; write seconds')
    return number


def _pose(value: Any, where: str) -> np.ndarray:
    try:
        pose = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f'{where}: lidar2global is no matrix of numbers') from error
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise DataError(f'{where}: lidar2global has the shape {pose.shape} or holds NaN; a finite '
                        f'(4, 4) is needed')
    turning = pose[:3, :3]
    if not np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6) or np.linalg.det(turning) < 0 \
            or not np.allclose(turning @ turning.T, np.eye(3), atol=1e-2):
        raise DataError(f'{where}: lidar2global is no rotation and translation (transposed? the '
                        f'last row is 0, 0, 0, 1)')
    return pose


def _refuse_odd_times(times: Mapping[str, FrameTime], path: Path) -> None:
    scenes: dict[str, list[tuple[float, str]]] = {}
    for name, time in times.items():
        scenes.setdefault(time.scene, []).append((time.timestamp, name))
    gaps: list[float] = []
    for scene, entries in scenes.items():
        entries.sort()
        for (one, first), (other, second) in zip(entries, entries[1:], strict=False):
            if one == other:
                raise DataError(f'{path}: {first} and {second} of the scene {scene!r} have one '
                                f'timestamp, {one!r}')
            gaps.append(other - one)
    if gaps and np.median(gaps) > _LONG_GAP:
        raise DataError(f'{path}: frames of a scene lie {np.median(gaps):g} s apart: are the '
                        f'timestamps milliseconds, microseconds or nanoseconds? Write seconds, and '
                        f'give frames that do not follow each other scenes of their own')
