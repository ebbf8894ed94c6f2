"""Tracks of a submission and of the tables as columns, holes in them filled as nuScenes does."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASS_OF_CATEGORY, CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import join_columns
from sparse3d.datasets.nuscenes.evaluate.detection_score import DetectionRules
from sparse3d.datasets.nuscenes.evaluate.read_boxes import (
    box_columns,
    read_submission,
    rows_that_count,
)
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.errors import DataError

TRACKING_CLASSES = ('bicycle', 'bus', 'car', 'motorcycle', 'pedestrian', 'trailer', 'truck')
LABELS = {name: CLASSES.index(name) for name in TRACKING_CLASSES}  # of TrackColumns


@dataclass(frozen=True)
class TrackColumns:
    """Boxes with identities, sample by sample in the order of time.

    Attributes:
        sample: (N,) int64 row of the sample.
        label: (N,) int64 row of ``CLASSES``.
        center: (N, 2) float64 x, y in the global frame [m].
        track: (N,) int64 number of the track or object; of two scenes never the same.
        score: (N,) mean score of the track; -1 of objects.
    """

    sample: np.ndarray
    label: np.ndarray
    center: np.ndarray
    track: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.sample)

    def select(self, rows: np.ndarray) -> TrackColumns:
        """The boxes of these rows (indices or a mask)."""
        return TrackColumns(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Samples:
    """The samples of a split, scene by scene in the order of time.

    Attributes:
        tokens: of the samples.
        scenes: (S,) int64 number of the scene of each.
        times: (S,) int64 [microseconds].
    """

    tokens: tuple[str, ...]
    scenes: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, tables: NuScenesTables, tokens: Sequence[str]) -> Samples:
        """Those of these tokens."""
        rows = [tables.get('sample', token) for token in tokens]
        numbers: dict[str, int] = {}
        scenes = [numbers.setdefault(row['scene_token'], len(numbers)) for row in rows]
        times = [row['timestamp'] for row in rows]
        order = np.lexsort((times, scenes))
        return cls(tuple(tokens[place] for place in order), np.array(scenes, np.int64)[order],
                   np.array(times, np.int64)[order])


def read_tracks(results: Mapping[str, Sequence[Mapping]], samples: Samples,
                positions: Mapping[str, np.ndarray], rules: DetectionRules,
                tables: NuScenesTables) -> TrackColumns:
    """The tracks of a submission: those that count, with their mean scores and without holes.

    Raises:
        DataError: naming the sample, the box and its key, or an id that stands twice in a sample.
    """
    records = {token: [_as_detection(record, f'box {number} of sample {token} of the submission')
                       for number, record in enumerate(_list_of(results, token))]
               for token in samples.tokens}
    _refuse_doubled_ids(results, samples)
    boxes = read_submission(records, positions, rules)
    ids = [record['tracking_id'] for token in samples.tokens for record in results[token]]
    rows = rows_that_count(boxes, rules, tables, samples.tokens)
    boxes = boxes.select(rows)
    tracks = TrackColumns(boxes.sample, boxes.label, boxes.center[:, :2],
                          _numbers(samples.scenes[boxes.sample], [ids[row] for row in rows]),
                          boxes.score)
    return without_holes(with_mean_scores(tracks), samples)


def read_object_tracks(tables: NuScenesTables, samples: Samples,
                       positions: Mapping[str, np.ndarray], rules: DetectionRules) -> TrackColumns:
    """The annotated objects of the classes that are tracked, those that count, without holes."""
    parts: list = []
    ids: list[str] = []
    for row, token in enumerate(samples.tokens):
        annotations = [tables.get('sample_annotation', one)
                       for one in tables.get('sample', token)['anns']]
        annotations = [one for one in annotations
                       if CLASS_OF_CATEGORY.get(one['category_name']) in TRACKING_CLASSES]
        ids += [one['instance_token'] for one in annotations]
        parts.append(box_columns([_record(one) for one in annotations], row, positions[token],
                                 f'sample {token} of the tables'))
    boxes = join_columns(parts)
    rows = rows_that_count(boxes, rules, tables, samples.tokens)
    boxes = boxes.select(rows)
    tracks = TrackColumns(boxes.sample, boxes.label, boxes.center[:, :2],
                          _numbers(samples.scenes[boxes.sample], [ids[row] for row in rows]),
                          boxes.score)
    return without_holes(tracks, samples)


def _refuse_doubled_ids(results: Mapping[str, Sequence[Mapping]], samples: Samples) -> None:
    """Raise for two boxes of a class and an id in a sample, whose scores would mean nothing."""
    for token in samples.tokens:
        seen = set()
        for record in results[token]:
            key = record['tracking_name'], str(record['tracking_id'])
            if key in seen:
                raise DataError(f'sample {token} of the submission has two boxes of the {key[0]} '
                                f'with the tracking_id {key[1]}; an id is one object in a sample')
            seen.add(key)


def _list_of(results: Mapping, token: str) -> Sequence:
    records = results[token]
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise DataError(f'sample {token} of the submission has no list of boxes')
    return records


def _as_detection(record: Mapping, what: str) -> dict:
    """A record of the tracking task under the names of the detection task."""
    if not isinstance(record, Mapping) or 'tracking_name' not in record:
        raise DataError(f'{what} has no tracking_name; give results of the tracking task '
                        f'(sparse3d track makes them of detections)')
    if not isinstance(record.get('tracking_id'), str | int):
        raise DataError(f'{what} has the tracking_id {record.get("tracking_id")!r:.60}; it has to '
                        f'be a text')
    if record['tracking_name'] not in TRACKING_CLASSES:
        raise DataError(f'{what} is a {record["tracking_name"]!r:.60}; the tracking task knows '
                        f'{", ".join(TRACKING_CLASSES)}: leave other classes out')
    return dict(record, detection_name=record['tracking_name'], attribute_name='',
                detection_score=record.get('tracking_score', -1.0))


def _record(annotation: Mapping) -> dict:
    return dict(translation=annotation['translation'], size=annotation['size'],
                rotation=annotation['rotation'], velocity=[0.0, 0.0], detection_score=-1.0,
                detection_name=CLASS_OF_CATEGORY[annotation['category_name']], attribute_name='',
                num_pts=annotation['num_lidar_pts'] + annotation['num_radar_pts'])


def _numbers(scenes: np.ndarray, ids: Sequence) -> np.ndarray:
    """One number for each id of each scene, in the order in which they appear."""
    numbers: dict[tuple, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in
                     zip(scenes.tolist(), ids, strict=True)], np.int64)


def _by_track(tracks: TrackColumns) -> list[np.ndarray]:
    """Rows of each track, in the order of time; tracks as they appear."""
    order = np.argsort(tracks.track, kind='stable')
    ends = np.flatnonzero(np.diff(tracks.track[order])) + 1
    return np.split(order, ends) if len(order) else []


def with_mean_scores(tracks: TrackColumns) -> TrackColumns:
    scores = np.array(tracks.score)
    for rows in _by_track(tracks):
        scores[rows] = np.mean(scores[rows])
    return TrackColumns(tracks.sample, tracks.label, tracks.center, tracks.track, scores)


def without_holes(tracks: TrackColumns, samples: Samples) -> TrackColumns:
    """With a box in every sample between the first and the last of a track.

    The devkit weighs the box before and the box behind the hole the wrong way round: near the
    earlier one it takes more of the later one. The numbers of the benchmark hold with that.
    """
    left, here = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for rows in _by_track(tracks):
        steps = np.diff(tracks.sample[rows])
        for place in np.flatnonzero(steps > 1):
            first = tracks.sample[rows[place]]
            here.append(np.arange(first + 1, first + steps[place]))
            left.append(np.full(steps[place] - 1, rows[place]))
    before, sample = np.concatenate(left), np.concatenate(here)
    behind = _next_of(tracks)[before]
    times = samples.times
    end, begin = times[tracks.sample[behind]], times[tracks.sample[before]]
    weight = (end - times[sample]).astype(np.float64) / (end - begin)
    center = (1.0 - weight)[:, None] * tracks.center[before] + weight[:, None] * tracks.center[
        behind]
    score = (1.0 - weight) * tracks.score[before] + weight * tracks.score[behind]
    filled = TrackColumns(sample, tracks.label[behind], center, tracks.track[before], score)
    whole = TrackColumns(*(np.concatenate([getattr(tracks, field.name),
                                           getattr(filled, field.name)])
                           for field in fields(TrackColumns)))
    # In a sample: what was there first, then what was filled in, track by track.
    added = np.repeat([0, 1], [len(tracks), len(filled)])
    number = np.where(added == 1, whole.track, np.arange(len(whole)))
    return whole.select(np.lexsort((number, added, whole.sample)))


def _next_of(tracks: TrackColumns) -> np.ndarray:
    """Row of the next box of the same track, -1 behind the last."""
    following = np.full(len(tracks), -1)
    for rows in _by_track(tracks):
        following[rows[:-1]] = rows[1:]
    return following
