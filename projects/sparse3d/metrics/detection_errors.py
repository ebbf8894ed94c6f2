"""What kind of mistake each detection is, and where objects are missed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sparse3d.metrics.box_average_precision import match_best_first
from sparse3d.metrics.matching_rules import (
    NOTHING_IGNORED,
    Ignored,
    MatchingRule,
    bev_ious,
    fit_of,
    seven,
)
from sparse3d.ops.points_in_boxes import count_points_in_boxes

# Of detections, the good ones first; and of objects.
FOUND, HEADING, DUPLICATE, CLASS, MISPLACED, FALSE = KINDS = (
    'found', 'wrong heading', 'duplicate', 'wrong class', 'misplaced', 'false')
MISSED = 'missed'
IGNORED = 'ignored'     # by the benchmark: neither right nor a mistake
LEAST_TOUCH = 0.1       # overlap from which a false detection is a misplaced one
LONG_RANGE_EDGES = (0.0, 25.0, 50.0, 75.0, 100.0, 125.0, 150.0, float('inf'))  # [m]
_FAR, _FAR_SHARE = 100.0, 0.01  # where far begins [m], and the share of objects that counts


@dataclass(frozen=True)
class FrameErrors:
    """One frame, detections best first.

    Attributes:
        detections: [N] kind of each, one of ``KINDS`` or ``IGNORED``.
        objects: [N] row of the object that each detection found or touched, -1 for none.
        gt: [M] ``'found'``, ``'wrong heading'``, ``'missed'`` or ``'ignored'``.
        points: [M] LiDAR points in each object.
    """

    detections: np.ndarray
    objects: np.ndarray
    gt: np.ndarray
    points: np.ndarray

    def count(self, kind: str) -> int:
        """Detections of a kind, or objects that were missed."""
        return int(((self.gt if kind == MISSED else self.detections) == kind).sum())

    @property
    def mistakes(self) -> int:
        """Missed objects and detections that are not found ones."""
        wrong = ~np.isin(self.detections, (FOUND, IGNORED))
        return self.count(MISSED) + int(wrong.sum())


def frame_errors(predicted: Mapping, labeled: Mapping, points: np.ndarray,
                 iou_threshold: float = 0.5, rules: Sequence[MatchingRule] = (),
                 ignored: Ignored = NOTHING_IGNORED) -> FrameErrors:
    """Sort the detections of a frame into right ones and mistakes.

    A detection finds the free object of its class that fits it best, best score first. One that
    finds an object and points the other way (by more than 90 degrees) has the wrong heading.
    Of what remains, what fits an object that the benchmark ignores, or is itself ignored, is
    ignored; the others are a duplicate (of a found object), of the wrong class (on an object of
    another class), misplaced (touches an object of its class by an overlap in BEV of at least
    0.1), or false.

    Args:
        predicted: ``boxes`` (N, >= 7), ``scores`` (N,) falling, ``labels`` (N,).
        labeled: ``boxes``, ``labels``.
        points: (P, >= 3) LiDAR frame.
        iou_threshold: least intersection over union in BEV, where there are no rules.
        rules: when a detection of each class counts as right.
        ignored: what the benchmark does not count.
    """
    fits = fit_of(predicted, labeled, rules, iou_threshold)         # [N, M]; 1 is enough
    touches = bev_ious(predicted['boxes'], labeled['boxes'])
    same = np.asarray(predicted['labels'])[:, None] == np.asarray(labeled['labels'])[None]
    out = ignored.of_objects(labeled['boxes'], labeled['labels'])   # [M]
    matches = match_best_first(np.where(same & ~out[None], fits, 0.0), 1.0)
    kinds = np.full(len(fits), FALSE, dtype=object)
    objects = matches.copy()
    gt = np.full(fits.shape[1], MISSED, dtype=object)
    gt[out] = IGNORED
    for row, match in enumerate(matches):
        if match >= 0:
            turned = _angle(predicted['boxes'][row][6] - labeled['boxes'][match][6]) > np.pi / 2
            kinds[row] = gt[match] = HEADING if turned else FOUND
    excused = ignored.of_detections(predicted, rules, iou_threshold)
    for row in np.flatnonzero(matches < 0):
        if excused[row]:
            kinds[row], objects[row] = IGNORED, -1
        else:
            kinds[row], objects[row] = _mistake(fits[row], touches[row], same[row], ~out)
    counts = count_points_in_boxes(torch.as_tensor(points[:, :3], dtype=torch.float64),
                                   torch.as_tensor(seven(labeled['boxes'])))
    return FrameErrors(kinds, objects, gt, counts.numpy())


def _mistake(fits: np.ndarray, touches: np.ndarray, same: np.ndarray,
             counts: np.ndarray) -> tuple[str, int]:
    if not counts.any():
        return FALSE, -1
    own, other = np.where(same & counts, fits, 0.0), np.where(~same & counts, fits, 0.0)
    if own.max() >= 1:
        return DUPLICATE, int(own.argmax())
    if other.max() >= 1:
        return CLASS, int(other.argmax())
    touched = np.where(same & counts, touches, 0.0)
    if touched.max() >= LEAST_TOUCH:
        return MISPLACED, int(touched.argmax())
    return FALSE, -1


@dataclass(frozen=True)
class Bin:
    """A part of the objects and how many of them were found."""

    name: str
    objects: int
    matched: int
    detections: int     # with a center in the same part; 0 where that cannot be said
    right: int

    @property
    def recall(self) -> float:
        """Found share in percent."""
        return 100 * self.matched / self.objects if self.objects else float('nan')

    @property
    def precision(self) -> float:
        """Right share of the detections in percent."""
        return 100 * self.right / self.detections if self.detections else float('nan')


def by_distance(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
                edges: Sequence[float] | None = None) -> list[Bin]:
    """Recall and precision by horizontal distance from the sensor [m].

    Args:
        edges: of the parts; default: from the objects, about as many in each, or, where they go
            far, every 25 m up to 150 m.
    """
    gt = [np.hypot(*seven(labeled['boxes'])[:, :2].T) for _, labeled, _ in frames]
    found = [np.hypot(*seven(predicted['boxes'])[:, :2].T) for predicted, _, _ in frames]
    return _bins(frames, gt, found, distance_edges(gt) if edges is None else edges, 'm')


def by_points(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
              edges: Sequence[float] | None = None) -> list[Bin]:
    """Recall by the number of LiDAR points in an object: what occlusion and distance leave."""
    gt = [errors.points for _, _, errors in frames]
    return _bins(frames, gt, None, part_edges(gt) if edges is None else edges, 'points')


def by_size(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
            edges: Sequence[float] | None = None) -> list[Bin]:
    """Recall and precision by the longer side of the box [m]."""
    gt = [seven(labeled['boxes'])[:, 3:5].max(1, initial=0) for _, labeled, _ in frames]
    found = [seven(predicted['boxes'])[:, 3:5].max(1, initial=0) for predicted, _, _ in frames]
    return _bins(frames, gt, found, part_edges(gt) if edges is None else edges, 'm long')


def distance_edges(values: Sequence[np.ndarray]) -> list[float]:
    """Edges of :func:`by_distance` for distances of objects [m].

    Most objects stand near: parts of equal size would say nothing about the far ones, for which a
    detector of long range is made.
    """
    every = np.concatenate([[], *values])
    far = len(every) and np.mean(every > _FAR) >= _FAR_SHARE
    return list(LONG_RANGE_EDGES) if far else part_edges(values)


def part_edges(values: Sequence[np.ndarray], parts: int = 5) -> list[float]:
    """Round numbers that cut values into parts of about the same size, from 0 to infinity."""
    every = np.concatenate([[], *values])
    inner: list[float] = []
    if len(every):
        for value in np.quantile(every, np.linspace(0, 1, parts + 1)[1:-1]):
            digits = -int(np.floor(np.log10(value))) + 1 if value > 0 else 0
            rounded = float(np.round(value, digits if value < 100 else -1))
            if rounded > (inner[-1] if inner else 0.0):
                inner.append(rounded)
    return [0.0, *inner, float('inf')]


def confusion(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
              classes: int) -> np.ndarray:
    """[classes + 1, classes + 1] counts: truth by detection; the last row is background, the
    last column what was missed. Duplicates and misplaced detections count as background; what
    the benchmark ignores is in no cell."""
    table = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    for predicted, labeled, errors in frames:
        for kind, label, item in zip(errors.detections, predicted['labels'], errors.objects,
                                     strict=True):
            if kind == IGNORED:
                continue
            row = labeled['labels'][item] if kind in (FOUND, HEADING, CLASS) else classes
            table[row, label] += 1
        on_other = set(errors.objects[errors.detections == CLASS].tolist())
        for item, (label, state) in enumerate(zip(labeled['labels'], errors.gt, strict=True)):
            table[label, classes] += state == MISSED and item not in on_other
    return table


def _bins(frames: Sequence, gt: list, pred: list | None, edges: Sequence[float],
          unit: str) -> list[Bin]:
    bins = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        objects = hit = detections = right = 0
        for place, (_, _, errors) in enumerate(frames):
            inside = (gt[place] >= low) & (gt[place] < high) & (errors.gt != IGNORED)
            objects += int(inside.sum())
            hit += int((errors.gt[inside] != MISSED).sum())
            if pred is not None:
                inside = (pred[place] >= low) & (pred[place] < high)
                inside &= errors.detections != IGNORED
                detections += int(inside.sum())
                right += int(np.isin(errors.detections[inside], (FOUND, HEADING)).sum())
        name = f'{low:g} to {high:g} {unit}' if np.isfinite(high) else f'over {low:g} {unit}'
        bins.append(Bin(name, objects, hit, detections, right))
    return bins


def _angle(difference: float) -> float:
    return abs((difference + np.pi) % (2 * np.pi) - np.pi)
