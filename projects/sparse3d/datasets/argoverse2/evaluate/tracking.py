"""Argoverse 2's tracking scores: HOTA and CLEAR MOT by class, at ten thresholds of the score.

The rules are those of the benchmark, the numbers those of av2 0.3.6 (with TrackEval 1.3.0) to
1e-12, which the tests hold beside these. Objects and tracks are compared by the distance of their
centers in the city, seen from above.

Source: Wilson et al., Argoverse 2 (NeurIPS Datasets and Benchmarks 2021); Weng et al., AB3DMOT
(IROS 2020), for the mean over recalls.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.errors import DataError
from sparse3d.metrics.clear_mot import ClearMot, clear_mot
from sparse3d.metrics.hota import Hota, combine_hota, hota
from sparse3d.metrics.identity_frames import IdentityFrames

OBJECTIVES = ('HOTA', 'MOTA')


@dataclass(frozen=True)
class TrackingRules:
    """The settings of the benchmark.

    Attributes:
        classes: those that count.
        max_range: horizontal distance from the vehicle up to which boxes count [m].
        zero_distance: where the similarity of two centers is 0; it falls linearly from 1 [m].
        similarity: from which CLEAR MOT takes a pair; half is 1 m.
        num_thresholds: of the score, at recalls from 1 down to ``min_recall``.
        min_recall: the least of them.
    """

    classes: tuple[str, ...] = CLASSES
    max_range: float = 50.0
    zero_distance: float = 2.0
    similarity: float = 0.5
    num_thresholds: int = 10
    min_recall: float = 0.1

    def __post_init__(self) -> None:
        for name in ('max_range', 'zero_distance', 'num_thresholds'):
            if not getattr(self, name) > 0:
                raise DataError(f'{name} of the tracking scores is {getattr(self, name)}; it has '
                                f'to be above 0')


@dataclass(frozen=True)
class PlacedTracks:
    """Objects or tracks of one sweep.

    Attributes:
        ids: (N,) identities; one stands once.
        names: (N,) classes.
        xy: (N, 2) centers in the city [m].
        scores: (N,) of tracks.
    """

    ids: np.ndarray
    names: np.ndarray
    xy: np.ndarray
    scores: np.ndarray

    def select(self, rows: np.ndarray) -> PlacedTracks:
        """Those of these rows (indices or a mask)."""
        return PlacedTracks(self.ids[rows], self.names[rows], self.xy[rows], self.scores[rows])


@dataclass(frozen=True)
class TrackedSweep:
    """One sweep.

    Attributes:
        log: timestamp: which one.
        ego: (2,) where the vehicle is in the city [m].
        gt: objects.
        pred: tracks.
    """

    log: str
    timestamp: int
    ego: np.ndarray
    gt: PlacedTracks
    pred: PlacedTracks


@dataclass(frozen=True)
class ClassTracking:
    """Scores of one class for one objective.

    Attributes:
        mean: of the objective over all thresholds, where one below 0 counts as 0; what the
            benchmark ranks by.
        tuned: the best of them, at least 0.
        threshold: of the score, where it is best.
        hota: clear: all numbers at that threshold.
        objects: tracks: boxes that are compared there.
    """

    mean: float
    tuned: float
    threshold: float
    hota: Hota
    clear: ClearMot
    objects: int
    tracks: int


@dataclass(frozen=True)
class Argoverse2Tracking:
    """Scores by objective (``HOTA``, ``MOTA``) and class."""

    by_class: dict[str, dict[str, ClassTracking]]
    rules: TrackingRules

    @property
    def scores(self) -> dict[str, float]:
        """``mHOTA``, ``mMOTA`` (over all classes), then ``BUS_HOTA``, ``BUS_MOTA`` and so on."""
        values = {f'{name}_{objective}': of[name].mean for name in self.rules.classes
                  for objective, of in self.by_class.items()}
        means = {f'm{objective}': float(np.mean([one.mean for one in of.values()]))
                 for objective, of in self.by_class.items()}
        return means | values

    def table(self) -> str:
        """A row for each class that has objects or tracks, then the means over all classes."""
        head = ('HOTA', 'tuned', 'score', 'MOTA', 'tuned', 'score', 'IDSW', 'Frag', 'MT', 'ML')
        lines = [f'within {self.rules.max_range:g} m; HOTA and MOTA are means over '
                 f'{self.rules.num_thresholds} scores, tuned is the best one, with its score',
                 f'{"class":<34}' + ''.join(f'{name:>8}' for name in head)]
        shown = 0
        for name in self.rules.classes:
            first, second = (self.by_class[objective][name] for objective in OBJECTIVES)
            if not first.hota.tp.max() + first.hota.fn.max() + first.tracks:
                continue
            shown += 1
            numbers = [value for one in (first, second)
                       for value in (one.mean, one.tuned, one.threshold)]
            clear = second.clear
            counts = (clear.switches, clear.fragments, clear.mostly_tracked, clear.mostly_lost)
            lines.append(f'{name:<34}' + ''.join(f'{value:8.3f}' for value in numbers)
                         + ''.join(f'{value:8d}' for value in counts))
        means = self.scores
        lines.append(f'{"mean":<34}{means["mHOTA"]:8.3f}{"":16}{means["mMOTA"]:8.3f}')
        without = len(self.rules.classes) - shown
        return '\n'.join(lines + ([f'note: {without} of {len(self.rules.classes)} classes have '
                                   f'neither objects nor tracks and count with 0 in the mean']
                                  if without else []))


def evaluate_argoverse2_tracking(sweeps: Sequence[TrackedSweep],
                                 rules: TrackingRules | None = None) -> Argoverse2Tracking:
    """Score tracks as the benchmark does.

    Args:
        sweeps: all of the logs, in any order; a sweep without tracks counts as one.
        rules: those of the benchmark by default.

    Raises:
        DataError: if a sweep is there twice, or an identity stands twice in it.
    """
    rules = rules or TrackingRules()
    logs = _logs_in_order([_in_range(sweep, rules.max_range) for sweep in sweeps])
    by_class: dict[str, dict[str, ClassTracking]] = {objective: {} for objective in OBJECTIVES}
    for name in rules.classes:
        parts = [_ClassLog.of(log, name, rules.zero_distance) for log in logs]
        found = _scores_of_class([part for part in parts if part.any()], rules)
        for objective in OBJECTIVES:
            by_class[objective][name] = found[objective]
    return Argoverse2Tracking(by_class, rules)


def score_thresholds(scores: np.ndarray, objects: int, rules: TrackingRules) -> np.ndarray:
    """Scores that reach the recalls of the rules, the highest recall first.

    Args:
        scores: (N,) of all pairs; here a pair has no least similarity.
        objects: how many there are to be found.
    """
    recalls = np.linspace(rules.min_recall, 1, rules.num_thresholds).round(12)[::-1]
    if not len(scores):
        return np.zeros(len(recalls))
    reached = np.arange(1, len(scores) + 1) / objects
    # A recall that is not reached takes all tracks.
    return np.interp(recalls, reached, np.sort(scores)[::-1], right=0)


@dataclass(frozen=True)
class _ClassLog:
    """One class of one log, sweep by sweep."""

    gt: list[PlacedTracks]
    pred: list[PlacedTracks]
    similarity: list[np.ndarray]

    @classmethod
    def of(cls, log: Sequence[TrackedSweep], name: str, zero_distance: float) -> _ClassLog:
        gt = [sweep.gt.select(sweep.gt.names == name) for sweep in log]
        pred = [sweep.pred.select(sweep.pred.names == name) for sweep in log]
        similarity = [
            np.maximum(0, 1 - np.linalg.norm(
                objects.xy[:, None] - tracks.xy[None], axis=2) / zero_distance)
            for objects, tracks in zip(gt, pred, strict=True)]
        return cls(gt, pred, similarity)

    def any(self) -> bool:
        return any(len(one.ids) for one in (*self.gt, *self.pred))

    def paired_scores(self) -> Iterable[np.ndarray]:
        """Scores of the tracks of each sweep that are assigned an object, however far it is."""
        for tracks, similarity in zip(self.pred, self.similarity, strict=True):
            yield tracks.scores[linear_sum_assignment(-similarity)[1]]

    def frames(self, threshold: float) -> IdentityFrames:
        """Without the tracks of lower scores."""
        kept = [tracks.scores >= threshold for tracks in self.pred]
        return IdentityFrames.of(
            [objects.ids.tolist() for objects in self.gt],
            [tracks.ids[rows].tolist() for tracks, rows in zip(self.pred, kept, strict=True)],
            [similarity[:, rows] for similarity, rows in zip(self.similarity, kept, strict=True)])


def _scores_of_class(logs: list[_ClassLog], rules: TrackingRules) -> dict[str, ClassTracking]:
    objects = sum(len(one.ids) for log in logs for one in log.gt)
    scores = np.concatenate([np.zeros(0), *(part for log in logs for part in log.paired_scores())])
    thresholds = score_thresholds(scores, objects, rules)
    at = {value: _at(logs, value, rules) for value in thresholds.tolist()}
    found = [at[value] for value in thresholds.tolist()]
    values = dict(HOTA=np.array([of.hota.mean() for of, _ in found]),
                  MOTA=np.array([clear.summary()['MOTA'] for _, clear in found]))
    result = {}
    for objective, numbers in values.items():
        best = int(np.argmax(numbers))
        result[objective] = ClassTracking(
            float(numbers.clip(min=0).mean()), max(0.0, float(numbers[best])),
            float(thresholds[best]), *found[best], objects=objects,
            tracks=found[best][1].tp + found[best][1].fp)
    return result


def _at(logs: list[_ClassLog], threshold: float, rules: TrackingRules) -> tuple[Hota, ClearMot]:
    frames = [log.frames(threshold) for log in logs] or [IdentityFrames.of([], [], [])]
    return combine_hota([hota(one) for one in frames]), sum(
        (_clear(one, rules.similarity) for one in frames), ClearMot())


def _clear(frames: IdentityFrames, similarity: float) -> ClearMot:
    found = clear_mot(frames, similarity)
    # TrackEval counts no frame of a log without objects or without tracks.
    return found if frames.num_gt and frames.num_pred else replace(found, frames=0)


def _in_range(sweep: TrackedSweep, max_range: float) -> TrackedSweep:
    def near(tracks: PlacedTracks) -> PlacedTracks:
        return tracks.select(np.linalg.norm(tracks.xy - sweep.ego, axis=1) <= max_range)

    for what, tracks in (('labels', sweep.gt), ('tracks', sweep.pred)):
        names, count = np.unique(tracks.ids.astype(str), return_counts=True)
        if (count > 1).any():
            raise DataError(f'the {what} of the log {sweep.log} at {sweep.timestamp} ns have the '
                            f'identity {names[count > 1][0]} twice; one stands once in a sweep')
    return replace(sweep, gt=near(sweep.gt), pred=near(sweep.pred))


def _logs_in_order(sweeps: Sequence[TrackedSweep]) -> list[list[TrackedSweep]]:
    logs: dict[str, list[TrackedSweep]] = {}
    for sweep in sorted(sweeps, key=lambda sweep: sweep.timestamp):
        before = logs.setdefault(sweep.log, [])
        if before and before[-1].timestamp == sweep.timestamp:
            raise DataError(f'the sweep of the log {sweep.log} at {sweep.timestamp} ns is there '
                            f'twice')
        before.append(sweep)
    return list(logs.values())
