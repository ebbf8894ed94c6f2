"""Curves along the score: average precision, the best threshold, two detectors compared."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.metrics.box_average_precision import RECALLS
from sparse3d.metrics.detection_errors import FOUND, HEADING, IGNORED, FrameErrors


@dataclass(frozen=True)
class BestThreshold:
    """Where precision and recall of a class balance best.

    Attributes:
        score: detections from here on are kept.
        precision: recall: f1: in percent.
    """

    score: float
    precision: float
    recall: float
    f1: float


class RankedClass:
    """The detections of one class over all frames, best first, right or not.

    Args:
        frames: detections, labels and mistakes of each frame.
        label: number of the class.

    Attributes:
        objects: (F,) objects of the class in each frame that count.
    """

    def __init__(self, frames: Sequence[tuple[Mapping, Mapping, FrameErrors]], label: int) -> None:
        scores, right, owner = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, int)]
        self.objects = np.zeros(len(frames))
        for row, (predicted, labeled, errors) in enumerate(frames):
            rows = (np.asarray(predicted['labels']) == label) & (errors.detections != IGNORED)
            scores.append(np.asarray(predicted['scores'])[rows])
            right.append(np.isin(errors.detections[rows], (FOUND, HEADING)))
            owner.append(np.full(int(rows.sum()), row))
            counts = (np.asarray(labeled['labels']) == label) & (errors.gt != IGNORED)
            self.objects[row] = counts.sum()
        all_scores = np.concatenate(scores)
        order = np.argsort(-all_scores, kind='stable')
        self.scores = all_scores[order]
        self._right = np.concatenate(right)[order].astype(float)
        self._owner = np.concatenate(owner)[order]

    def curve(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Recall and precision after each detection.

        Args:
            weights: (F,) how often each frame counts; default: once.
        """
        weights = np.ones(len(self.objects)) if weights is None else weights
        each = weights[self._owner]
        true, taken = np.cumsum(self._right * each), np.cumsum(each)
        total = max(float(self.objects @ weights), 1e-9)
        return true / total, np.divide(true, taken, out=np.zeros_like(true), where=taken > 0)

    def average_precision(self, weights: np.ndarray | None = None) -> float:
        """Mean precision at 40 recall positions in percent; NaN without objects."""
        if (self.objects if weights is None else self.objects * weights).sum() == 0:
            return float('nan')
        recall, precision = self.curve(weights)
        if not len(recall):
            return 0.0
        best = np.maximum.accumulate(precision[::-1])[::-1]
        wanted = np.arange(1, RECALLS + 1) / RECALLS
        places = np.searchsorted(recall, wanted - 1e-9)
        return 100 * float(np.where(places < len(best), best[np.minimum(
            places, len(best) - 1)], 0).mean())

    def best_threshold(self) -> BestThreshold | None:
        """The score with the best F1, or None without objects or detections."""
        recall, precision = self.curve()
        if not len(recall) or not self.objects.sum():
            return None
        last_of_score = np.append(np.diff(self.scores) != 0, True)
        f1 = np.where(last_of_score, 2 * precision * recall
                      / np.maximum(precision + recall, 1e-9), -1)
        best = int(f1.argmax())
        return BestThreshold(float(self.scores[best]), 100 * float(precision[best]),
                             100 * float(recall[best]), 100 * float(f1[best]))


@dataclass(frozen=True)
class Difference:
    """How much another detector is better.

    Attributes:
        one: other: average precision of each in percent.
        low: high: where the difference lies with 95 % of the draws of frames.
    """

    one: float
    other: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Of the two, in percentage points."""
        return self.other - self.one

    @property
    def certain(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def compare_paired(one: Sequence[RankedClass], other: Sequence[RankedClass],
                   draws: int = 1000, seed: int = 0) -> list[Difference]:
    """Differences in average precision by class and, last, in their mean.

    Paired bootstrap (Efron and Tibshirani 1993): frames are drawn with replacement, both
    detectors are scored on the same draw. Frames of one drive are alike; the interval is then
    too narrow.
    """
    random = np.random.default_rng(seed)
    frames = len(one[0].objects) if one else 0
    weights = random.multinomial(frames, np.full(frames, 1 / max(frames, 1)), draws).astype(float)

    def scores(ranked: Sequence[RankedClass], draw: np.ndarray | None) -> np.ndarray:
        values = np.array([each.average_precision(draw) for each in ranked])
        known = values[np.isfinite(values)]
        return np.append(values, known.mean() if len(known) else np.nan)
    first, second = scores(one, None), scores(other, None)
    drawn = np.array([scores(other, draw) - scores(one, draw) for draw in weights])
    result = []
    for row in range(len(first)):
        known = drawn[:, row][np.isfinite(drawn[:, row])]
        low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
        result.append(Difference(float(first[row]), float(second[row]), float(low), float(high)))
    return result
