"""Files of tracks: a whole split in the format of a benchmark.

Data sets register theirs when they are imported, which ``sparse3d.register`` does.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks, whole_ids


@dataclass(frozen=True)
class TrackFrame:
    """One frame of a drive, as tracking needs it.

    Attributes:
        name: of the frame, the same nowhere else in the split.
        scene: its drive.
        seconds: its time.
        pose: (4, 4) LiDAR frame to a frame that stands still; None where it is not known.
        info: description of the sample for result files
            (:mod:`sparse3d.structures.result_files`) and for the writer.
    """

    name: str
    scene: str
    seconds: float
    pose: np.ndarray | None
    info: Mapping[str, Any]


FrameTracks = tuple[TrackFrame, Tracks]  # tracks in the LiDAR frame of the frame


@dataclass(frozen=True)
class TrackFormat:
    """Tracks of one data set.

    Attributes:
        description: what such a file is, in words.
        class_names: that the benchmark tracks; empty: those of the info file.
        frame: a frame from its entry of an info file; KeyError where the entry lacks something.
        write: ``(frames, path, source)``: writes the file or folder whole or not at all; ``source``
            is the result file that was tracked, None where there is none. What the format has no
            place for is said in the sentence that comes back.
        evaluate: ``(path, root, frames, **options) -> table`` of the benchmark's own scores, with
            the raw data set in ``root``; None where there is none.
        labels: the labeled objects of an entry of an info file, with their identities, in the
            LiDAR frame; None where the entry has none.
        no_score: why ``evaluate`` is None, in half a sentence.
        score_options: that ``evaluate`` takes.
        suffix: of the file; empty: it is a folder.
    """

    description: str
    class_names: tuple[str, ...]
    frame: Callable[[Mapping[str, Any]], TrackFrame]
    write: Callable[[Sequence[FrameTracks], Path, Path | None], str | None]
    labels: Callable[[Mapping[str, Any]], Tracks | None]
    evaluate: Callable[..., str] | None = None
    no_score: str = 'the data set has no tracking scores here'
    score_options: tuple[str, ...] = ()
    suffix: str = ''


def labeled_tracks(boxes: Sequence[Sequence[float]], names: Sequence[str], ids: Sequence[str],
                   class_names: Sequence[str]) -> Tracks:
    """Labeled objects as tracks of score 1; their ids are numbered by :func:`whole_ids`."""
    found = Detections.from_lists(np.array(boxes, np.float64).reshape(len(ids), -1)[:, :7]
                                  if len(ids) else np.zeros((0, 7)), np.ones(len(ids)),
                                  list(names), class_names)
    return Tracks.of(found, whole_ids(ids))


_FORMATS: dict[str, TrackFormat] = {}


def register_tracks(name: str, made: TrackFormat) -> None:
    """Make the format of a data set known.

    Raises:
        ConfigError: if the name is taken.
    """
    if _FORMATS.setdefault(name, made) is not made:
        raise ConfigError(f'two formats of tracks are called {name!r}')


def track_format(name: str) -> TrackFormat:
    """The format of a data set.

    Raises:
        DataError: if there is none.
    """
    if name not in _FORMATS:
        raise DataError(f'tracks of the data set {name!r} cannot be written; there is '
                        f'{", ".join(sorted(_FORMATS)) or "none"}')
    return _FORMATS[name]


def scenes_in_order(entries: Sequence[Mapping[str, Any]], made: TrackFormat,
                    source: str) -> list[list[TrackFrame]]:
    """The frames of an info file by scene, each in the order of time.

    Raises:
        DataError: for an entry without time or scene, a frame that is there twice, or poses of
            some frames of a scene only.
    """
    scenes: dict[str, list[TrackFrame]] = {}
    for number, entry in enumerate(entries):
        try:
            frame = made.frame(entry)
        except KeyError as error:
            raise DataError(f'entry {number} of {source} has no {error.args[0]}, which tracking '
                            f'needs; make the info file again with sparse3d create-data') from error
        scenes.setdefault(frame.scene, []).append(frame)
    for scene, frames in scenes.items():
        frames.sort(key=lambda frame: frame.seconds)
        without = [frame.name for frame in frames if frame.pose is None]
        if without and len(without) < len(frames):
            raise DataError(f'{len(without)} of {len(frames)} frames of the scene {scene} in '
                            f'{source} have no pose, {without[0]} first; give poses of all or of '
                            f'none')
    return list(scenes.values())
