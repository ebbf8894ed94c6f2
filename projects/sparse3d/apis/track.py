"""From stored detections of a split to tracks in the format of its benchmark."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import sparse3d.register  # noqa: F401  (formats of results and of tracks)
from sparse3d.atomic_files import check_place
from sparse3d.errors import DataError
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import FrameTracks, track_format
from sparse3d.structures.tracks import TENTATIVE
from sparse3d.tracking import make_tracker
from sparse3d.tracking.tracker import Tracker
from sparse3d.transforms.camera_history import lidar2global
from sparse3d.transforms.info_files import check_info, read_plain_file

_NEEDED = ('token', 'timestamp', 'scene_token', 'ego2global', 'lidar_points')


@dataclass(frozen=True)
class TrackingReport:
    """What :func:`track` did.

    Attributes:
        path: of the file that was written.
        scenes: frames: boxes: identities: how many of each.
        left_out: detections by class that the benchmark does not track.
        scores: the benchmark's table, if it was wanted.
    """

    path: Path
    scenes: int
    frames: int
    boxes: int
    identities: int
    left_out: Mapping[str, int]
    scores: str | None = None

    def __str__(self) -> str:
        lines = [f'{self.boxes} boxes of {self.identities} tracks in {self.frames} frames of '
                 f'{self.scenes} scenes: {self.path}']
        if self.left_out:
            classes = ', '.join(f'{count} {name}' for name, count in self.left_out.items())
            lines.append(f'left out, as the benchmark does not track them: {classes}')
        return '\n'.join(lines + ([self.scores] if self.scores else []))


def track(results: str | PathLike, infos: str | PathLike, out: str | PathLike,
          tracker: str = 'two_stage', options: Mapping[str, Any] | None = None,
          confirmed: bool = False, evaluate: str | PathLike | None = None) -> TrackingReport:
    """Track the detections of a result file, scene by scene in the order of time.

    Args:
        results: detections of a split in the format of its benchmark.
        infos: the info file of the split, which has times, scenes and poses.
        out: the file that is written.
        tracker: ``'greedy'``, ``'two_stage'`` or ``'depth_cascade'``.
        options: of the tracker, by name.
        confirmed: leave out tracks that are not confirmed yet.
        evaluate: root of the raw data set, to score the tracks with.

    Raises:
        ConfigError: for an unknown tracker or option.
        DataError: if a file cannot be read, does not go with the other, or a frame cannot be
            tracked; nothing is written then.
    """
    made = make_tracker(tracker, options)
    check_place(out)
    content = read_plain_file(infos)
    named = content.get('metainfo') if isinstance(content, Mapping) else None
    name = named.get('dataset') if isinstance(named, Mapping) else None
    check_info(content, str(name), str(infos))
    kind = track_format(str(name))
    if evaluate is not None and kind.evaluate is None:
        raise DataError(f'tracks of the data set {name} are not scored here')
    scenes = scenes_in_order(content['data_list'], str(infos))
    opened = Results(Path(results), kind.class_names, str(name))
    frames = [frame for scene in scenes for frame in _tracked(made, scene, opened, confirmed)]
    opened.refuse_if_none_is_left()
    kind.write(frames, Path(out), Path(results))
    table = kind.evaluate(Path(out), Path(evaluate), [info for info, _ in frames]) if (
        evaluate is not None and kind.evaluate is not None) else None
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(of.ids for _, of in frames)]))
    return TrackingReport(Path(out), len(scenes), len(frames), sum(len(of) for _, of in frames),
                          len(ids), dict(opened.left_out), table)


def scenes_in_order(entries: Sequence[Mapping[str, Any]],
                    source: str) -> list[list[Mapping[str, Any]]]:
    """The entries of an info file by scene, each in the order of time.

    Raises:
        DataError: for an entry without time, scene or pose.
    """
    scenes: dict[str, list[Mapping[str, Any]]] = {}
    for number, entry in enumerate(entries):
        missing = [key for key in _NEEDED if key not in entry]
        if missing:
            raise DataError(f'entry {number} of {source} has no {", ".join(missing)}, which '
                            f'tracking needs; make the info file again with sparse3d create-data')
        scenes.setdefault(entry['scene_token'], []).append(entry)
    return [sorted(scene, key=lambda entry: entry['timestamp']) for scene in scenes.values()]


def _tracked(tracker: Tracker, scene: Sequence[Mapping[str, Any]], results: Results,
             confirmed: bool) -> list[FrameTracks]:
    """Each frame of a scene with its tracks."""
    tracker.reset()
    frames = []
    for info in scene:
        pose = lidar2global(info)
        found = results.of_sample(dict(info, lidar2global=pose), info['token'])
        tracks = tracker.update(replace(found, name=info['token']), info['timestamp'], pose)
        frames.append((info, tracks[tracks.states != TENTATIVE] if confirmed else tracks))
    return frames
