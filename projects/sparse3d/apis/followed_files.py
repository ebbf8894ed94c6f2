"""Which files of clouds follow each other, and the tracks through them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sparse3d.apis.tracked_stream import chosen_tracker
from sparse3d.datasets.custom.prepare.times import FILE, FrameTime, in_order, read_times
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.tracking.tracker import follow


@dataclass(frozen=True)
class Following:
    """How detections of files are tracked.

    Attributes:
        tracker: ``'two_stage'``, ``'greedy'`` or ``'depth_cascade'``.
        options: of the tracker, by name.
        frame_rate: of the files in order of their names [Hz], where no ``frames.json`` lies beside
            them or above them.
    """

    tracker: str = 'two_stage'
    options: Mapping[str, Any] = field(default_factory=dict)
    frame_rate: float | None = None


class FollowedFiles:
    """Files in the order of time, and tracks of one after the other.

    Attributes:
        files: in order, scene by scene.

    Raises:
        ConfigError: for an unknown tracker, or a rate that is none.
        DataError: if nobody says when the frames were taken.
    """

    def __init__(self, files: Sequence[Path], following: Following) -> None:
        self._tracker = chosen_tracker(following.tracker, following.options)
        self._times = _times(files, following.frame_rate)
        by_name = {file.stem: file for file in files}
        self.files = [by_name[name] for name in in_order([file.stem for file in files],
                                                         self._times)]
        self._scene: str | None = None

    def tracked(self, file: Path, found: Detections) -> Detections:
        """The tracks of a frame as detections with ``track_ids``.

        Raises:
            DataError: if the frame cannot be tracked.
        """
        time = self._times[file.stem]
        tracks = follow(self._tracker, found, time.timestamp, time.lidar2global,
                        time.scene != self._scene)
        self._scene = time.scene
        return replace(tracks.detections, points=found.points)


def _times(files: Sequence[Path], frame_rate: float | None) -> dict[str, FrameTime]:
    """When and where each file was taken, by name without ending."""
    names = [file.stem for file in files]
    if frame_rate is not None:
        if not 0 < frame_rate < 1e6:
            raise ConfigError(f'frame_rate is {frame_rate!r}; frames per second are more than 0')
        return {name: FrameTime(str(file.parent), place / frame_rate, None)
                for place, (name, file) in enumerate(zip(names, files, strict=True))}
    for folder in dict.fromkeys(place for file in files
                                for place in (file.parent, file.parent.parent)):
        if (folder / FILE).is_file():
            return read_times(folder, names, others=True)
    raise DataError(f'tracking needs to know when the {len(files)} frames were taken: put '
                    f'{FILE} beside them (docs/custom_data.md), or give --frame-rate')
