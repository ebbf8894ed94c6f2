"""CenterPoint's tracker: each detection goes back by its own velocity and takes the closest track.

Source: Yin et al. 2021, "Center-based 3D Object Detection and Tracking".
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import CONFIRMED, LOST, Tracks
from sparse3d.tracking.assignment import assign, assign_in_order
from sparse3d.tracking.box_costs import center_distances
from sparse3d.tracking.class_motion import ClassMotion, motions_of
from sparse3d.tracking.plausible_options import refuse_odd_options
from sparse3d.tracking.tracker import FrameOrder, in_lidar, in_world


@dataclass(frozen=True)
class GreedyOptions:
    """Options of :class:`GreedyTracker`.

    Attributes:
        max_lost: how long a track waits for its next detection [s]; the default is three key
            frames of nuScenes, whose times vary a little.
        score_threshold: detections below it are left out.
        assignment: ``'greedy'``, best detection first as published, or ``'hungarian'``.
        motions: by class, before ``CLASS_MOTIONS``; of them ``max_distance`` counts.
        report_lost: whether tracks that were not seen in a frame are given, as ``'lost'``.
    """

    max_lost: float = 1.75
    score_threshold: float = 0.0
    assignment: str = 'greedy'
    motions: Mapping[str, ClassMotion] = field(default_factory=dict)
    report_lost: bool = False

    def __post_init__(self) -> None:
        refuse_odd_options(self)
        if self.assignment not in ('greedy', 'hungarian'):
            raise ConfigError(f'assignment is {self.assignment!r}; there are greedy and hungarian')
        if not self.max_lost > 0:
            raise ConfigError(f'max_lost is {self.max_lost!r} s; it has to be more than 0')


@dataclass(frozen=True)
class _Known:
    """Tracks at the time of the last frame, rows alike."""

    boxes: np.ndarray   # [N, 9] in the world; of lost ones predicted
    scores: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    ages: np.ndarray
    seen: np.ndarray    # time of the last detection

    def rows(self, rows: np.ndarray) -> _Known:
        return _Known(*(value[rows] for value in vars(self).values()))

    def joined(self, other: _Known) -> _Known:
        return _Known(*(np.concatenate(pair) for pair in zip(
            vars(self).values(), vars(other).values(), strict=True)))


def _nothing() -> _Known:
    whole = np.zeros(0, np.int64)
    return _Known(np.zeros((0, 9)), np.zeros(0), whole, whole, whole, np.zeros(0))


class GreedyTracker:
    """Greedy matching by center distance with detected velocities; see :class:`Tracker`.

    The detector has to give velocities; without, take :class:`TwoStageTracker`.
    """

    def __init__(self, options: GreedyOptions | None = None) -> None:
        self.options = options or GreedyOptions()
        self._order, self._known, self._next_id = FrameOrder(), _nothing(), 0

    def reset(self) -> None:
        """A new scene begins."""
        self._order.clear()
        self._known = _nothing()

    def update(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None = None) -> Tracks:
        """See :meth:`Tracker.update`.

        Raises:
            DataError: also for detections without velocities.
        """
        step = self._order.check(detections, timestamp, ego_pose)
        timestamp, seconds, pose = step.timestamp, step.seconds, step.pose
        kept = np.flatnonzero(detections.scores >= self.options.score_threshold)
        detections = detections[kept[np.argsort(-detections.scores[kept], kind='stable')]]
        boxes = in_world(detections.boxes_3d, pose)
        self._refuse_unknown_velocities(detections, boxes)
        motions = motions_of(detections, self.options.motions)
        before = self._known
        before = before.rows(timestamp - before.seen <= self.options.max_lost)
        # Tracks of the frame before stay, detections go back; lost ones had moved on by then.
        back = boxes.copy()
        back[:, :2] -= boxes[:, 7:9] * seconds
        distance = center_distances(before.boxes, back)
        limits = np.array([motion.max_distance for motion in motions])
        distance[(distance > limits) | (before.labels[:, None] != detections.labels)] = np.inf
        solve = assign_in_order if self.options.assignment == 'greedy' else assign
        tracks, found = solve(distance, float(limits.max(initial=0)) + 1e-9)
        now = self._after(before, detections, boxes, tracks, found, seconds, timestamp)
        self._order.accept(detections, timestamp, ego_pose)
        self._known = now
        return self._report(detections, timestamp, pose)

    def _after(self, before: _Known, detections: Detections, boxes: np.ndarray,
               tracks: np.ndarray, found: np.ndarray, seconds: float, timestamp: float) -> _Known:
        """Detections, best first, with old ids or new ones; then what is lost, moved on."""
        count = len(detections)
        ids, ages = np.full(count, -1), np.zeros(count, np.int64)
        ids[found], ages[found] = before.ids[tracks], before.ages[tracks] + 1
        new = np.flatnonzero(ids < 0)
        ids[new] = self._next_id + np.arange(len(new))
        self._next_id += len(new)
        lost = before.rows(np.setdiff1d(np.arange(len(before.ids)), tracks))
        moved = lost.boxes.copy()
        moved[:, :2] += moved[:, 7:9] * seconds
        lost = _Known(moved, lost.scores, lost.labels, lost.ids, lost.ages + 1, lost.seen)
        seen = _Known(boxes, np.asarray(detections.scores, np.float64), detections.labels, ids,
                      ages, np.full(count, timestamp))
        return seen.joined(lost)

    def _report(self, detections: Detections, timestamp: float, pose: np.ndarray) -> Tracks:
        known = self._known
        here = known.seen == timestamp
        if not self.options.report_lost:
            known, here = known.rows(here), here[here]
        return Tracks(in_lidar(known.boxes, pose), known.scores, known.labels,
                      detections.class_names, known.ids, known.ages,
                      np.where(here, CONFIRMED, LOST), timestamp, detections.name)

    def _refuse_unknown_velocities(self, detections: Detections, boxes: np.ndarray) -> None:
        unknown = int(np.isnan(boxes[:, 7:9]).any(axis=1).sum())
        if unknown:
            raise DataError(f'{unknown} of {len(boxes)} detections of frame {detections.name} have '
                            f'no velocity, by which the greedy tracker matches; take the tracker '
                            f'two_stage, which does without')
