"""The numbers of nuScenes' tracking task from matches at many scores."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import (
    LABELS,
    TRACKING_CLASSES,
    Samples,
    TrackColumns,
)
from sparse3d.metrics.lasting_matches import Match, MatchedFrame, match_scene

METRICS = ('amota', 'amotp', 'recall', 'motar', 'gt', 'mota', 'motp', 'mt', 'ml', 'faf', 'tp',
           'fp', 'fn', 'ids', 'frag', 'tid', 'lgd')
_SUMMED = {'mt', 'ml', 'tp', 'fp', 'fn', 'ids', 'frag'}  # over classes; others are averaged
_STEP = 0.5  # what the devkit takes a sample for [s]


@dataclass(frozen=True)
class TrackingRules:
    """The settings of the benchmark, by the devkit's names.

    Attributes:
        dist_th_tp: distance below which a track may match an object [m].
        min_recall: the first of the recalls that are averaged over.
        num_thresholds: how many recalls, up to 1.
        max_boxes_per_sample: boxes that a sample may have.
        metric_worst: what counts where a recall is not reached; -1: by the number of objects.
    """

    dist_th_tp: float = 2.0
    min_recall: float = 0.1
    num_thresholds: int = 40
    max_boxes_per_sample: int = 500
    metric_worst: Mapping[str, float] = field(default_factory=lambda: dict(
        amota=0.0, amotp=2.0, recall=0.0, motar=0.0, mota=0.0, motp=2.0, mt=0.0, ml=-1.0, faf=500,
        gt=-1, tp=0.0, fp=-1.0, fn=-1.0, ids=-1.0, frag=-1.0, tid=20, lgd=20))


def tracking_score(pred: TrackColumns, gt: TrackColumns, samples: Samples,
                   rules: TrackingRules) -> tuple[dict, dict]:
    """Scores as the devkit reports them.

    Returns:
        ``(label_metrics, curves)``: metric to class to number, and class to metric to one number
        per recall, highest recall first.
    """
    labels: dict[str, dict[str, float]] = {name: {} for name in METRICS}
    curves = {}
    for name in TRACKING_CLASSES:
        curves[name] = _Class(pred.select(pred.label == LABELS[name]),
                              gt.select(gt.label == LABELS[name]), samples, rules).curves()
        for metric, value in _of_class(curves[name], rules).items():
            labels[metric][name] = value
    return labels, curves


def over_classes(labels: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Sums or means over the classes that have objects, NaN without any."""
    result = {}
    for metric, by_class in labels.items():
        values = np.array(list(by_class.values()))
        known = values[~np.isnan(values)]
        total = float(known.sum())
        result[metric] = total if metric in _SUMMED else (
            total / len(known) if len(known) else float('nan'))
    return result


def _of_class(curves: Mapping[str, np.ndarray], rules: TrackingRules) -> dict[str, float]:
    """At the score with the best MOTA, and averaged over all recalls."""
    result = {metric: float('nan') for metric in METRICS}
    if not np.isnan(curves['mota']).all():
        best = np.nanargmax(curves['mota'])
        result |= {metric: float(curves[metric][best]) for metric in METRICS
                   if metric not in ('amota', 'amotp')}
    for metric, of in (('amota', 'motar'), ('amotp', 'motp')):
        values = curves[of]
        if not np.isnan(values).all():
            result[metric] = float(np.mean(np.where(np.isnan(values), rules.metric_worst[metric],
                                                    values)))
    return result


class _Class:
    """One class: its frames by scene, and what is the same at every score."""

    def __init__(self, pred: TrackColumns, gt: TrackColumns, samples: Samples,
                 rules: TrackingRules) -> None:
        self.gt, self.rules = gt, rules
        self.scenes = _frames_of_scenes(pred, gt, samples, rules.dist_th_tp)
        self.frames = [frame for scene in self.scenes for frame in scene]
        self.order = np.argsort(gt.track, kind='stable')  # object by object, in the order of time
        self.tracks = gt.track[self.order]
        self.starts = np.flatnonzero(np.diff(self.tracks, prepend=-1))
        self.counts = np.diff(np.append(self.starts, len(self.tracks)))
        self.pred_scores = np.sort(pred.score)

    def curves(self) -> dict[str, np.ndarray]:
        """Each metric at each recall, the highest recall first; NaN where it is not reached."""
        size = self.rules.num_thresholds
        names = [metric for metric in METRICS if metric not in ('amota', 'amotp')]
        curves = {name: np.full(size, np.nan) for name in (*names, 'confidence', 'recall_hypo')}
        if not len(self.gt):
            return curves
        thresholds, recalls = self._thresholds()
        curves['confidence'], curves['recall_hypo'] = thresholds, recalls
        if np.isnan(thresholds).all():
            return curves | {name: np.full(size, self._worst(name)) for name in names}
        known: dict[float, dict[str, float]] = {}
        for place, threshold in enumerate(thresholds.tolist()):
            if threshold != threshold:
                continue
            if threshold not in known:
                known[threshold] = self._at(threshold)
            for name, value in known[threshold].items():
                curves[name][place] = value
        return curves

    def _worst(self, metric: str) -> float:
        worst = self.rules.metric_worst[metric]
        if worst != -1:
            return worst
        return {'ml': len(self.starts), 'gt': len(self.gt), 'fn': len(self.gt)}.get(metric, np.nan)

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores at which the recalls are reached when all tracks are kept; NaN: never."""
        size = self.rules.num_thresholds
        scores = np.sort([score for frame, matches in self._matches(-np.inf)
                          for score in _scores_of(frame, matches)])[::-1]
        if not len(scores):
            return np.full(size, np.nan), np.full(size, np.nan)
        reached = np.arange(1, len(scores) + 1) / len(self.gt)
        recalls = np.linspace(self.rules.min_recall, 1, size).round(12)
        thresholds = np.interp(recalls, reached, scores, right=0)
        thresholds[recalls > reached.max()] = np.nan
        return thresholds[::-1], recalls[::-1]

    def _matches(self, threshold: float) -> list[tuple[MatchedFrame, list[Match]]]:
        return [pair for scene in self.scenes
                for pair in zip(scene, match_scene(scene, threshold), strict=True)]

    def _at(self, threshold: float) -> dict[str, float]:
        """The metrics of all tracks with at least this score."""
        tracked = np.zeros(len(self.gt), bool)
        first, number = 0, -1
        switches, distance = 0, 0.0
        times = []  # samples with an object or a track are counted, others are not there
        for frame, matches in self._matches(threshold):
            number += bool(frame.gt) or bool((frame.scores >= threshold).any())
            times.append(number)
            for match in matches:
                tracked[first + match.row] = True
                switches += match.switched
                distance += match.distance
            first += len(frame.gt)
        when = np.repeat(times, [len(frame.gt) for frame in self.frames])
        count = len(self.pred_scores) - int(np.searchsorted(self.pred_scores, threshold))
        return self._numbers(tracked, when, switches, distance, count, number + 1)

    def _numbers(self, tracked: np.ndarray, when: np.ndarray, switches: int, distance: float,
                 count: int, frames: int) -> dict[str, float]:
        total, found = len(tracked), int(tracked.sum())
        tp, fp, fn = found - switches, count - found, total - found
        recall = tp / total
        errors = fn + switches + fp
        result = dict(recall=found / total, gt=total, tp=tp, fp=fp, fn=fn, ids=switches,
                      faf=fp / frames * 100, mota=max(0.0, 1.0 - errors / total),
                      motp=distance / found if found else np.nan, motar=np.nan)
        if recall * total:
            result['motar'] = max(0.0, 1 - (errors - (1 - recall) * total) / (recall * total))
        return result | self._of_objects(tracked[self.order], when[self.order])

    def _of_objects(self, tracked: np.ndarray, when: np.ndarray) -> dict[str, float]:
        """How wholly objects are tracked; rows are object by object."""
        share = np.add.reduceat(tracked.astype(np.int64), self.starts) / self.counts
        rows = np.flatnonzero(tracked)
        owner = self.tracks[rows]
        same = owner[1:] == owner[:-1] if len(rows) else np.zeros(0, bool)
        some = share > 0
        result = dict(mt=int((share >= 0.8).sum()), ml=int((share < 0.2).sum()),
                      frag=int((same & (np.diff(rows) > 1)).sum()), tid=np.nan, lgd=np.nan)
        if not some.any():
            return result
        first, last = self.starts[some], (self.starts + self.counts - 1)[some]
        begins = rows[np.flatnonzero(np.append(True, ~same))]
        ends = rows[np.flatnonzero(np.append(~same, True))]
        gaps = np.zeros(len(self.starts), np.int64)
        inner = np.diff(when[rows])[same] - 1
        place = np.cumsum(np.diff(self.tracks, prepend=-1) != 0) - 1  # object of each row
        np.maximum.at(gaps, place[rows[1:]][same], inner)
        longest = np.maximum.reduce([gaps[some], when[begins] - when[first],
                                     when[last] - when[ends]])
        return result | dict(tid=float((when[begins] - when[first]).sum() * _STEP / some.sum()),
                             lgd=float(longest.sum() * _STEP / some.sum()))


def _scores_of(frame: MatchedFrame, matches: Sequence[Match]) -> list[float]:
    """Scores of the tracks that objects keep or get first; those after a switch do not count."""
    tracks = {frame.pred[match.column] for match in matches if not match.switched}
    return [float(frame.scores[column]) for column, track in enumerate(frame.pred)
            if track in tracks]


def _frames_of_scenes(pred: TrackColumns, gt: TrackColumns, samples: Samples,
                      max_distance: float) -> list[list[MatchedFrame]]:
    numbers = np.arange(len(samples.tokens) + 1)
    of_pred, of_gt = (np.searchsorted(part.sample, numbers) for part in (pred, gt))
    scenes: list[list[MatchedFrame]] = [[] for _ in range(int(samples.scenes.max(initial=-1)) + 1)]
    for row, scene in enumerate(samples.scenes.tolist()):
        here, there = (slice(bounds[row], bounds[row + 1]) for bounds in (of_gt, of_pred))
        distances = _distances(gt.center[here], pred.center[there])
        distances[distances >= max_distance] = np.inf
        scenes[scene].append(MatchedFrame(gt.track[here].tolist(), pred.track[there].tolist(),
                                          pred.score[there], distances))
    return scenes


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances [N, M] by the sum of squares less twice the product, as scikit-learn has them.

    Far from the origin of a map this loses digits; the benchmark's numbers are made of these.
    """
    squared = -2 * (first @ second.T)
    squared += np.einsum('ij,ij->i', first, first)[:, None]
    squared += np.einsum('ij,ij->i', second, second)[None]
    return np.sqrt(np.maximum(squared, 0))
