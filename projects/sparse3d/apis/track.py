"""From detections of a split, stored or of a checkpoint, to tracks in its data set's format."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import sparse3d.register  # noqa: F401  (formats of results and of tracks)
from sparse3d.apis.split_detections import of_checkpoint, of_file
from sparse3d.atomic_files import check_place, refuse_same_file
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import refuse_odd_threshold
from sparse3d.structures.own_tracks import write_own_tracks
from sparse3d.structures.track_files import (
    FrameTracks,
    TrackFormat,
    TrackFrame,
    scenes_in_order,
    track_format,
)
from sparse3d.structures.tracks import TENTATIVE
from sparse3d.tracking import make_tracker
from sparse3d.tracking.choose import with_motions
from sparse3d.tracking.tracker import Tracker

OWN_FORMATS = ('json', 'csv', 'npz')


@dataclass(frozen=True)
class TrackingReport:
    """What :func:`track` did.

    Attributes:
        path: of the file or folder that was written.
        scenes: frames: boxes: identities: how many of each.
        left_out: detections by class that the benchmark does not track.
        scores: the benchmark's table, if it was wanted.
        note: a sentence on what the format has no place for.
        others: samples of the results that the info file does not have, left out.
    """

    path: Path
    scenes: int
    frames: int
    boxes: int
    identities: int
    left_out: Mapping[str, int]
    scores: str | None = None
    note: str | None = None
    others: int = 0

    def __str__(self) -> str:
        lines = [f'{self.boxes} boxes of {self.identities} tracks in {self.frames} frames of '
                 f'{self.scenes} scenes: {self.path}']
        if self.left_out:
            classes = ', '.join(f'{count} {name}' for name, count in self.left_out.items())
            lines.append(f'left out, as the benchmark does not track them: {classes}')
        if self.others:
            lines.append(f'left out: detections of {self.others} samples that are not in the info '
                         f'file')
        if self.note:
            lines.append(self.note)
        return '\n'.join(lines + ([self.scores] if self.scores else []))


def track(source: str | PathLike, infos: str | PathLike | None = None,
          out: str | PathLike = 'tracks', tracker: str = 'two_stage',
          options: Mapping[str, Any] | None = None, confirmed: bool = False,
          evaluate: str | PathLike | None = None, *, checkpoint: str | PathLike | None = None,
          split: str = 'test', score_threshold: float = 0.0, form: str | None = None,
          like: Mapping[str, str] | None = None, cfg_options: Mapping[str, Any] | None = None,
          device: str | None = None,
          score_options: Mapping[str, Any] | None = None) -> TrackingReport:
    """Track the detections of a split, scene by scene in the order of time.

    Args:
        source: detections of the split in the format of its benchmark or as ``detect`` writes
            them; with a checkpoint, the config.
        infos: the info file of the split, which has times, scenes and poses; with a checkpoint
            the config says which.
        out: the file or folder that is written.
        tracker: ``'greedy'``, ``'two_stage'``, ``'depth_cascade'`` or ``'query_identity'``.
        options: of the tracker, by name.
        confirmed: leave out tracks that are not confirmed yet.
        evaluate: root of the raw data set, to score the tracks with.
        checkpoint: of the model whose detections are tracked.
        split: of the config, ``'train'``, ``'val'`` or ``'test'``.
        score_threshold: of a model's detections.
        form: ``'json'``, ``'csv'`` or ``'npz'``: a folder with a file for each frame, in place of
            the data set's own format.
        like: own classes to classes that they move like, ``{'forklift': 'car'}``.
        cfg_options: dotted keys and values that override the config.
        device: of the model.
        score_options: of the benchmark's scores, by name.

    Raises:
        ConfigError: for an unknown tracker, option, form or class.
        CheckpointError: if the checkpoint is not one of this model.
        DataError: if a file cannot be read, does not go with the other, or a frame cannot be
            tracked; nothing is written then, unless the sentence says that only the scores
            failed.
    """
    made = make_tracker(tracker, with_motions(options or {}, like or {}))
    refuse_odd_threshold(score_threshold)
    check_place(out)
    refuse_same_file(source, out)  # of a config, too

    def ready(data_set: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """What would fail after all frames were looked at fails before."""
        if evaluate is not None:
            _refuse_no_score(track_format(data_set), data_set, form, Path(evaluate),
                             score_options or {})
        _refuse_other_place(track_format(data_set), form, Path(out))
        scenes_in_order(entries, track_format(data_set), str(infos or source))

    if checkpoint is None:
        found = of_file(source, infos)
        ready(found.data_set, found.entries)
    else:
        found = of_checkpoint(source, infos, checkpoint, split, score_threshold, cfg_options,
                              device, ready)
    kind = track_format(found.data_set)
    scenes = scenes_in_order(found.entries, kind, found.source)
    detections = _Highest(found.open(kind.class_names))
    frames = [frame for scene in scenes
              for frame in tracked_scene(made, scene, detections, confirmed)]
    found.close()
    note = _writer(kind, form)(frames, Path(out), None if checkpoint is not None else Path(source))
    if detections.count and not any(len(of) for _, of in frames):
        note = detections.why_nothing()
    table = None if evaluate is None else _scores(kind, Path(out), Path(evaluate),
                                                  [frame for frame, _ in frames],
                                                  score_options or {})
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(of.ids for _, of in frames)]))
    return TrackingReport(Path(out), len(scenes), len(frames), sum(len(of) for _, of in frames),
                          len(ids), dict(found.left_out), table, note, found.others)


def score_stored_tracks(source: str | PathLike, infos: str | PathLike | None,
                        evaluate: str | PathLike,
                        score_options: Mapping[str, Any] | None = None) -> str:
    """The benchmark's table of tracks that are there already, of this or another tool.

    Args:
        source: tracks in the data set's own format.
        infos: the info file of their split.
        evaluate: root of the raw data set.
        score_options: of the scores, by name.

    Raises:
        ConfigError: without an info file, or for an unknown option.
        DataError: if a file cannot be read, does not go with the other, or the data set has no
            tracking scores here.
    """
    found = of_file(source, infos)
    kind, options = track_format(found.data_set), dict(score_options or {})
    _refuse_no_score(kind, found.data_set, None, Path(evaluate), options)
    scenes = scenes_in_order(found.entries, kind, found.source)
    frames = [frame for scene in scenes for frame in scene]
    assert kind.evaluate is not None  # refused above
    return kind.evaluate(Path(source), Path(evaluate), frames, **options)


def tracked_scene(tracker: Tracker, scene: Sequence[TrackFrame],
                  detections: Callable[[TrackFrame], Any], confirmed: bool) -> list[FrameTracks]:
    """Each frame of a scene with its tracks."""
    tracker.reset()
    frames = []
    for frame in scene:
        found = replace(detections(frame), name=frame.name)
        tracks = tracker.update(found, frame.seconds, frame.pose)
        frames.append((frame, tracks[tracks.states != TENTATIVE] if confirmed else tracks))
    return frames


class _Highest:
    """Gives the detections of a frame, and remembers how many there were and the best score."""

    def __init__(self, of_frame: Callable[[TrackFrame], Any]) -> None:
        self.count, self.score, self._of_frame = 0, -np.inf, of_frame

    def __call__(self, frame: TrackFrame) -> Any:
        found = self._of_frame(frame)
        self.count += len(found)
        self.score = max(self.score, float(np.max(found.scores, initial=-np.inf)))
        return found

    def why_nothing(self) -> str:
        return (f'no track: the best of {self.count} detections has the score {self.score:.3g}; '
                f'lower what a track needs (--options birth_score=, high_score=, low_score=; of '
                f'query_identity the track_threshold of the detector), or train longer')


def _scores(kind: TrackFormat, out: Path, root: Path, frames: Sequence[TrackFrame],
            options: Mapping[str, Any]) -> str:
    """The table of tracks that were just written."""
    assert kind.evaluate is not None  # refused before
    try:
        return kind.evaluate(out, root, frames, **options)
    except (ConfigError, DataError) as error:
        raise type(error)(f'the tracks are written to {out}, but cannot be scored: {error}'
                          ) from error


def _refuse_no_score(kind: TrackFormat, data_set: str, form: str | None, root: Path,
                     options: Mapping[str, Any]) -> None:
    if not root.is_dir():
        raise DataError(f'{root} is no folder; --evaluate names the raw data set')
    if kind.evaluate is None:
        raise DataError(f'tracks of the data set {data_set} are not scored here: {kind.no_score}')
    if form is not None:
        raise ConfigError(f'scores are those of the file in the format of {data_set}; leave '
                          f'--format {form} out')
    for name in options:
        if name not in kind.score_options:
            raise ConfigError(f'the tracking scores of {data_set} have no option {name!r}; they '
                              f'have {", ".join(kind.score_options) or "none"}')


def _refuse_other_place(kind: TrackFormat, form: str | None, out: Path) -> None:
    """Raise for a place that the writer would refuse in the end."""
    _writer(kind, form)
    if form is None and kind.suffix:
        if out.suffix.lower() != kind.suffix or out.is_dir():
            raise DataError(f'{out} cannot be written: {kind.description} are written as '
                            f'{kind.suffix}; give a file of that ending with --out')
    elif out.is_file():
        raise DataError(f'{out} has to be a folder, and is a file')


def _writer(kind: TrackFormat, form: str | None) -> Callable[..., str | None]:
    if form is None:
        return kind.write
    if form not in OWN_FORMATS:
        raise ConfigError(f'tracks are not written as {form!r}; there are {", ".join(OWN_FORMATS)}')
    return partial(write_own_tracks, suffix=f'.{form}')
