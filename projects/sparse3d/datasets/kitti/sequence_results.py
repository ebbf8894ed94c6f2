"""Results of drives in KITTI's tracking layout: of the tracking benchmark, or a file a frame."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from sparse3d.datasets.kitti.prepare.text import (
    KITTI_TYPES,
    KittiObject,
    read_lines,
    read_tracked_labels,
)
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.detections import Detections

_FRAME = re.compile(r'.+_\d{6}')
_TYPES = {'Person': 'Person_sitting'}


class Sequences:
    """Detections of sequences, frame by frame.

    ``<sequence>_<frame>.txt`` or ``<sequence>/<frame>.txt`` hold lines of the object benchmark;
    ``<sequence>.txt`` those of the tracking benchmark, whose ids are kept where they are not
    negative.

    Args:
        folder: of the results.
        read_frame: reads a file of one frame, with the camera.

    Attributes:
        requested: sequence and frame of what was wanted.
    """

    def __init__(self, folder: Path, read_frame: Callable[[Path, Mapping], Detections]) -> None:
        self.requested: set[tuple[str, int]] = set()
        self._folder, self._read_frame = folder, read_frame

    def of_frame(self, info: Mapping) -> Detections | None:
        """Detections of a frame, None where there is no file.

        Args:
            info: with ``sequence``, ``frame`` and the camera's ``lidar2cam``.
        """
        name, frame = str(info['sequence']), int(info['frame'])
        self.requested.add((name, frame))
        camera = info if 'lidar2cam' in info else info['images']['CAM2']
        place = dict(lidar2cam=np.asarray(camera['lidar2cam'], np.float64))
        for path in (self._folder / f'{name}_{frame:06d}.txt',
                     self._folder / name / f'{frame:06d}.txt'):
            if path.is_file():
                return self._read_frame(path, place)
        whole = self._folder / f'{name}.txt'
        if not whole.is_file():
            return None
        with_score, frames = _whole(whole, whole.stat().st_mtime_ns)
        rows = frames.get(frame, [])
        return _detections(rows, with_score, place['lidar2cam'], f'{name}_{frame:06d}')

    def unread(self) -> set[str]:
        """Names of the frames that nobody has asked for."""
        requested = {f'{name}_{frame:06d}' for name, frame in self.requested}
        files = (*self._folder.glob('*.txt'), *self._folder.glob('*/*.txt'))
        return {name for path in files for name in self._frames(path)} - requested

    def _frames(self, path: Path) -> list[str]:
        """The frames that a file has something of."""
        name = path.stem if path.parent == self._folder else f'{path.parent.name}_{path.stem}'
        if _FRAME.fullmatch(name):
            return [name]
        if not name.isdigit():  # notes and summaries of other tools
            return []
        return [f'{name}_{frame:06d}' for frame in _whole(path, path.stat().st_mtime_ns)[1]]


@lru_cache(maxsize=4)
def _whole(path: Path, changed: int) -> tuple[bool, dict[int, list[tuple[int, KittiObject]]]]:
    """Whether a file has scores, and what it says by frame; read once, not for every frame."""
    with_score = any(len(line.split()) == 18 for line in read_lines(path))
    return with_score, read_tracked_labels(path, _TYPES)


def _detections(rows: list[tuple[int, KittiObject]], with_score: bool, lidar2cam: np.ndarray,
                name: str) -> Detections:
    rows = [(track, item) for track, item in rows if item.type != 'DontCare']
    items = [item for _, item in rows]
    boxes = kitti_camera_to_lidar(
        np.array([item.camera_box for item in items]).reshape(-1, 7), lidar2cam)
    found = Detections.from_lists(boxes, [item.score if with_score else 1.0 for item in items],
                                  [item.type for item in items], KITTI_TYPES[:-1])
    ids = np.array([track for track, _ in rows], np.int64)
    return replace(found, name=name, track_ids=ids if len(ids) and (ids >= 0).all() else None)
