"""Recall and false boxes of a detector on frames of data sets that it never saw.

Wanted are the objects of a class with enough points near enough. A detection finds the object of
its class that it overlaps most, the best first. False is a detection, of that class and in that
range, that overlaps nothing labeled that it may be taken for: a truck that is called a car is no
false box, and neither is a car with too few points.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.errors import DataError
from sparse3d.metrics.box_average_precision import match_best_first
from sparse3d.metrics.matching_rules import bev_ious
from sparse3d.structures.labeled_frame import (
    CAR,
    CYCLIST,
    LARGE_VEHICLE,
    PEDESTRIAN,
    RIDERLESS,
    SITTING,
)

CLASSES = (CAR, PEDESTRIAN, CYCLIST)
MAY_BE = {CAR: (CAR, LARGE_VEHICLE), PEDESTRIAN: (PEDESTRIAN, SITTING, CYCLIST, RIDERLESS),
          CYCLIST: (CYCLIST, RIDERLESS, PEDESTRIAN, SITTING)}
IOU_THRESHOLDS = (.5, .3)
FALSE_IOU = .3
_DRAWS = 2000


@dataclass(frozen=True)
class Limits:
    """Which objects are wanted.

    Raises:
        DataError: for a limit that no object can meet.
    """

    min_points: int = 20
    max_distance: float = 40.0  # [m]

    def __post_init__(self) -> None:
        if not self.min_points >= 0 or not self.max_distance > 0:
            raise DataError(f'min_points {self.min_points} or max_distance {self.max_distance:g} '
                            f'is out of range; use 0 points or more, and more than 0 m')


@dataclass(frozen=True)
class FrameScore:
    """What one class of one frame came to.

    Attributes:
        found: (W,) score of the detection that found each wanted object, by IoU threshold; -1
            for none.
        false: scores of the false boxes.
    """

    found: dict[float, np.ndarray]
    false: np.ndarray


def score_frame(predicted: tuple[np.ndarray, np.ndarray], labeled: tuple[np.ndarray, np.ndarray],
                counts: np.ndarray, seen: np.ndarray, name: str, limits: Limits) -> FrameScore:
    """Compare the detections of one class with the labels.

    Args:
        predicted: boxes (N, 7) of the class, and scores (N,).
        labeled: boxes (M, 7), and kinds (M,) of :mod:`sparse3d.structures.labeled_frame`.
        counts: (M,) points in each labeled box.
        seen: (N,) which detections lie where the data set has labels.
        name: of the class.
        limits: which objects are wanted.
    """
    (boxes, scores), (objects, kinds) = predicted, labeled
    order = np.argsort(-scores, kind='stable')
    boxes, scores, seen = boxes[order], scores[order], seen[order]
    ious = bev_ious(boxes, objects)
    near = np.hypot(*objects[:, :2].T) < limits.max_distance
    wanted = np.flatnonzero((kinds == name) & (counts >= limits.min_points) & near)
    own = np.flatnonzero(kinds == name)
    found = {}
    for threshold in IOU_THRESHOLDS:
        matches = match_best_first(ious[:, own], threshold)
        by = np.full(len(objects), -1.0)
        hit = matches >= 0
        by[own[matches[hit]]] = scores[hit]
        found[threshold] = by[wanted]
    alike = np.isin(kinds, MAY_BE[name])
    touching = (ious[:, alike] >= FALSE_IOU).any(axis=1)
    here = seen & (np.hypot(*boxes[:, :2].T) < limits.max_distance)
    return FrameScore(found, scores[here & ~touching])


@dataclass(frozen=True)
class Summary:
    """One class over some frames at a score threshold.

    Attributes:
        frames: how many.
        wanted: objects that had to be found.
        found: how many of them were, by IoU threshold.
        recall_interval: 95 % of bootstrap draws of the objects, by IoU threshold.
        false: false boxes in all frames.
        false_interval: 95 % of bootstrap draws of the frames, false boxes a frame.
    """

    frames: int
    wanted: int
    found: dict[float, int]
    recall_interval: dict[float, tuple[float, float]]
    false: int
    false_interval: tuple[float, float]


def summarize(scores: Sequence[FrameScore], threshold: float, seed: int = 0) -> Summary:
    """Counts and bootstrap intervals at a score threshold."""
    rng = np.random.default_rng(seed)
    hits = {iou: np.concatenate([score.found[iou] for score in scores]) >= threshold
            for iou in IOU_THRESHOLDS} if scores else {iou: np.zeros(0) for iou in IOU_THRESHOLDS}
    false = np.array([(score.false >= threshold).sum() for score in scores])
    return Summary(len(scores), len(hits[IOU_THRESHOLDS[0]]),
                   {iou: int(hit.sum()) for iou, hit in hits.items()},
                   {iou: interval(hit, rng) for iou, hit in hits.items()},
                   int(false.sum()), interval(false, rng))


def interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """2.5 % and 97.5 % quantiles of the mean over bootstrap draws; NaN without values."""
    if not len(values):
        return float('nan'), float('nan')
    drawn = values[rng.integers(len(values), size=(_DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, (.025, .975))
    return float(low), float(high)


def choose_threshold(scores: Sequence[FrameScore], false_per_frame: float = 1.0) -> float:
    """Lowest score at which at most so many false boxes a frame are left, rounded up to 0.01.

    Raises:
        DataError: if that is no number of boxes.
    """
    refuse_odd_allowance(false_per_frame)
    false = np.sort(np.concatenate([score.false for score in scores]))[::-1]
    allowed = int(false_per_frame * len(scores))
    if len(false) <= allowed:
        return .05
    return float(np.ceil(100 * false[allowed] + 1e-9) / 100)


def refuse_odd_allowance(false_per_frame: float) -> None:
    """Refuse a number of false boxes a frame that no threshold can leave.

    Raises:
        DataError: naming it.
    """
    if not 0 <= false_per_frame < np.inf:
        raise DataError(f'{false_per_frame:g} false boxes a frame cannot be left; give 0 or more')
