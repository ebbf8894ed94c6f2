"""Two stages of matching under a Kalman filter: sure detections first, then the doubtful ones.

ByteTrack's idea (Zhang et al. 2022) in space: a detection with a low score is often an object that
is half hidden. It may go on with a track, but does not begin one.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import CONFIRMED, LOST, TENTATIVE, Tracks
from sparse3d.tracking import kalman_filter
from sparse3d.tracking.assignment import Pairs, assign
from sparse3d.tracking.box_costs import center_distances, generalized_iou
from sparse3d.tracking.class_motion import ClassMotion, motions_of
from sparse3d.tracking.plausible_options import refuse_odd_options, refuse_outside
from sparse3d.tracking.tracker import FrameOrder, in_lidar, in_world

_SCORES = -1.0, 2.0  # beyond them are percents and logits, not what a head adds to a probability


@dataclass(frozen=True)
class TwoStageOptions:
    """Options of :class:`TwoStageTracker`.

    Attributes:
        high_score: detections from it on are matched first.
        low_score: detections from it on are matched second, with what was seen the frame before.
        birth_score: detections from it on begin a track if they are matched with none.
        cost: ``'center_distance'`` (BEV, in units of the ``max_distance`` of the class) or
            ``'generalized_iou'``.
        min_generalized_iou: of a pair in the first stage, if that is the cost.
        second_stage: part of the first stage's largest cost that a pair may have in the second.
        min_hits: detections after which a track is confirmed; in the first frame of a scene one.
        max_lost: how long a track waits for its next detection [s].
        motions: by class, before ``CLASS_MOTIONS``.
        report_lost: whether tracks that were not seen in a frame are given, as ``'lost'``.
    """

    high_score: float = 0.4
    low_score: float = 0.1
    birth_score: float = 0.5
    cost: str = 'center_distance'
    min_generalized_iou: float = -0.5
    second_stage: float = 0.6
    min_hits: int = 2
    max_lost: float = 1.75
    motions: Mapping[str, ClassMotion] = field(default_factory=dict)
    report_lost: bool = False

    def __post_init__(self) -> None:
        refuse_odd_options(self)
        refuse_outside('second_stage', self.second_stage, 0, 1)
        refuse_outside('min_generalized_iou', self.min_generalized_iou, -1, 1)
        if self.cost not in ('center_distance', 'generalized_iou'):
            raise ConfigError(f'cost is {self.cost!r}; there are center_distance and '
                              f'generalized_iou')
        if not self.low_score <= self.high_score <= self.birth_score:
            raise ConfigError(f'low_score {self.low_score}, high_score {self.high_score} and '
                              f'birth_score {self.birth_score} have to rise in this order')
        if not self.max_lost > 0 or self.min_hits < 1:
            raise ConfigError(f'max_lost is {self.max_lost!r} s and min_hits {self.min_hits!r}; '
                              f'they have to be more than 0 and at least 1')

    @property
    def max_cost(self) -> float:
        """Of a pair in the first stage."""
        return 1.0 if self.cost == 'center_distance' else 1.0 - self.min_generalized_iou


@dataclass(frozen=True)
class FilteredTracks:
    """Tracks with their filters, rows alike; ``mean`` and ``covariance`` in the world."""

    mean: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    ages: np.ndarray
    hits: np.ndarray       # detections so far
    confirmed: np.ndarray
    seen: np.ndarray       # time of the last detection

    def __len__(self) -> int:
        return len(self.mean)

    def rows(self, rows: np.ndarray) -> FilteredTracks:
        """Some of them."""
        return FilteredTracks(*(value[rows] for value in vars(self).values()))

    def joined(self, other: FilteredTracks) -> FilteredTracks:
        """These and then the others."""
        return FilteredTracks(*(np.concatenate(pair) for pair in zip(
            vars(self).values(), vars(other).values(), strict=True)))

    @classmethod
    def empty(cls) -> FilteredTracks:
        """None at all."""
        whole = np.zeros(0, np.int64)
        return cls(np.zeros((0, 9)), np.zeros((0, 9, 9)), np.zeros(0), whole, whole, whole, whole,
                   np.zeros(0, bool), np.zeros(0))


class TwoStageTracker:
    """Kalman filter and matching in two stages by score; see :class:`Tracker`.

    Detections may be without velocities: the filter finds them.
    """

    def __init__(self, options: TwoStageOptions | None = None) -> None:
        self.options = options or TwoStageOptions()
        self._order, self._tracks, self._next_id = FrameOrder(), FilteredTracks.empty(), 0
        self._time: float | None = None  # of the frame before

    def reset(self) -> None:
        """A new scene begins."""
        self._order.clear()
        self._tracks, self._time = FilteredTracks.empty(), None

    def update(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None = None) -> Tracks:
        """See :meth:`Tracker.update`.

        Raises:
            DataError: also for scores that are percents or logits.
        """
        step = self._order.check(detections, timestamp, ego_pose)
        _refuse_other_scores(detections)
        timestamp, pose = step.timestamp, step.pose
        detections = detections[np.flatnonzero(detections.scores >= self.options.low_score)]
        boxes = in_world(detections.boxes_3d, pose)
        motions = motions_of(detections, self.options.motions)
        tracks = self._tracks.rows(timestamp - self._tracks.seen <= self.options.max_lost)
        of_labels = self._motions_of_labels(detections)
        tracks = _predicted(tracks, step.seconds, [of_labels[label] for label in tracks.labels])
        rows, columns = self._match(tracks, detections, boxes, motions, pose[:3, 3])
        tracks = self._corrected(tracks, rows, columns, detections, boxes, motions, timestamp)
        tracks = tracks.joined(self._born(columns, detections, boxes, motions, timestamp))
        self._order.accept(detections, timestamp, ego_pose)
        self._tracks, self._time = tracks, timestamp
        return self._report(detections, timestamp, pose)

    def _motions_of_labels(self, detections: Detections) -> dict[int, ClassMotion]:
        """Motions of the classes of the tracks; they were asked for when a track began."""
        labels = np.unique(self._tracks.labels)
        asked_for = replace(detections, boxes_3d=np.zeros((len(labels), 7)), labels=labels,
                            scores=np.zeros(len(labels)), keypoints_3d=None,
                            keypoint_visibility=None, track_ids=None)
        return dict(zip(labels.tolist(), motions_of(asked_for, self.options.motions),
                        strict=True))

    def _match(self, tracks: FilteredTracks, detections: Detections, boxes: np.ndarray,
               motions: list[ClassMotion], origin: np.ndarray) -> Pairs:
        """Rows of tracks and of detections that belong together."""
        options, scores = self.options, np.asarray(detections.scores)
        cost = self._costs(tracks, detections, boxes, motions)
        high = np.flatnonzero(scores >= options.high_score)
        low = np.flatnonzero(scores < options.high_score)
        depths = tuple(np.linalg.norm(part[:, :2] - origin[:2], axis=1)
                       for part in (tracks.mean, boxes))
        pairs: list[Pairs] = []

        def stage(rows: np.ndarray, columns: np.ndarray, max_cost: float, first: bool) -> None:
            rows = np.setdiff1d(rows, np.concatenate([pair[0] for pair in pairs] or [rows[:0]]))
            columns = np.setdiff1d(columns,
                                   np.concatenate([pair[1] for pair in pairs] or [columns[:0]]))
            here = self.associate(cost[np.ix_(rows, columns)], max_cost, depths[0][rows],
                                  depths[1][columns], first)
            pairs.append((rows[here[0]], columns[here[1]]))

        sure = np.flatnonzero(tracks.confirmed)
        stage(sure, high, options.max_cost, True)
        # What was seen in the frame before may be half hidden now; what was lost stays so.
        stage(sure[tracks.seen[sure] == self._time], low, options.max_cost * options.second_stage,
              False)
        stage(np.flatnonzero(~tracks.confirmed), high, options.max_cost, True)
        return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])

    def associate(self, cost: np.ndarray, max_cost: float, track_depths: np.ndarray,
                  detection_depths: np.ndarray, first: bool) -> Pairs:
        """Pairs of one stage; a kind of matching may differ here.

        Args:
            cost: (T, D), inf where a pair cannot be.
            max_cost: of a pair.
            track_depths: (T,) distances from the sensor in BEV [m].
            detection_depths: (D,).
            first: whether the detections are the sure ones.
        """
        return assign(cost, max_cost)

    def _costs(self, tracks: FilteredTracks, detections: Detections, boxes: np.ndarray,
               motions: list[ClassMotion]) -> np.ndarray:
        limits = np.array([motion.max_distance for motion in motions])
        distance = center_distances(tracks.mean, boxes)
        same = tracks.labels[:, None] == detections.labels
        if self.options.cost == 'center_distance':
            return np.where(same, distance / limits, np.inf)
        near = same & (distance <= limits + boxes[:, 3])
        return np.where(near, 1 - generalized_iou(tracks.mean, boxes, near), np.inf)

    def _corrected(self, tracks: FilteredTracks, rows: np.ndarray, columns: np.ndarray,
                   detections: Detections, boxes: np.ndarray, motions: list[ClassMotion],
                   timestamp: float) -> FilteredTracks:
        """Tracks after their detections; tentative ones without are gone."""
        values = {key: value.copy() for key, value in vars(tracks).items()}
        values['mean'][rows], values['covariance'][rows] = kalman_filter.correct(
            tracks.mean[rows], tracks.covariance[rows], boxes[columns],
            [motions[column] for column in columns])
        values['scores'][rows] = np.asarray(detections.scores)[columns]
        values['hits'][rows] += 1
        values['seen'][rows] = timestamp
        values['confirmed'] |= values['hits'] >= self.options.min_hits
        values['ages'] += 1
        moved = FilteredTracks(**values)
        return moved.rows(moved.confirmed | (moved.seen == timestamp))

    def _born(self, taken: np.ndarray, detections: Detections, boxes: np.ndarray,
              motions: list[ClassMotion], timestamp: float) -> FilteredTracks:
        new = np.flatnonzero(np.asarray(detections.scores) >= self.options.birth_score)
        new = np.setdiff1d(new, taken)
        count = len(new)
        mean, covariance = kalman_filter.start(boxes[new], [motions[row] for row in new])
        ids = self._next_id + np.arange(count)
        self._next_id += count
        sure = self._time is None or self.options.min_hits <= 1
        return FilteredTracks(
            mean, covariance, np.asarray(detections.scores, np.float64)[new],
            detections.labels[new], ids, np.zeros(count, np.int64), np.ones(count, np.int64),
            np.full(count, sure), np.full(count, timestamp))

    def _report(self, detections: Detections, timestamp: float, pose: np.ndarray) -> Tracks:
        tracks = self._tracks
        if not self.options.report_lost:
            tracks = tracks.rows(tracks.seen == timestamp)
        states = np.where(tracks.confirmed, CONFIRMED, TENTATIVE)
        states = np.where(tracks.seen == timestamp, states, LOST)
        return Tracks(in_lidar(tracks.mean, pose), tracks.scores, tracks.labels,
                      detections.class_names, tracks.ids, tracks.ages, states, timestamp,
                      detections.name)


def _refuse_other_scores(detections: Detections) -> None:
    """The stages are limits of scores; percents and logits would all be sure or all be lost."""
    scores = np.asarray(detections.scores, np.float64)
    other = scores[(scores < _SCORES[0]) | (scores > _SCORES[1])]
    if len(other):
        raise DataError(f'{len(other)} of {len(scores)} detections of frame {detections.name} have '
                        f'a score like {other[0]:g}; bring scores into 0 to 1 (percents / 100, '
                        f'logits by a sigmoid), by which the stages of this tracker are chosen')


def _predicted(tracks: FilteredTracks, seconds: float,
               motions: list[ClassMotion]) -> FilteredTracks:
    mean, covariance = kalman_filter.predict(tracks.mean, tracks.covariance, seconds, motions)
    return replace(tracks, mean=mean, covariance=covariance)
