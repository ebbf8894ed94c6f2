"""What kind of mistake each detection is, and where objects are missed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sparse3d.metrics.box_average_precision import match_best_first
from sparse3d.ops.points_in_boxes import count_points_in_boxes
from sparse3d.ops.rotated_iou import rotated_iou_bev

# Of detections, the good ones first; and of objects.
FOUND, HEADING, DUPLICATE, CLASS, MISPLACED, FALSE = KINDS = (
    'found', 'wrong heading', 'duplicate', 'wrong class', 'misplaced', 'false')
MISSED = 'missed'
LEAST_TOUCH = 0.1       # overlap from which a false detection is a misplaced one
_BEV = [0, 1, 3, 4, 6]


@dataclass(frozen=True)
class FrameErrors:
    """One frame, detections best first.

    Attributes:
        detections: [N] kind of each, one of ``KINDS``.
        objects: [M] of the object that each detection found or touched, -1 for none.
        gt: [M] ``'found'``, ``'wrong heading'`` or ``'missed'``.
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
        return self.count(MISSED) + int((self.detections != FOUND).sum())


def frame_errors(predicted: Mapping, labeled: Mapping, points: np.ndarray,
                 iou_threshold: float = 0.5) -> FrameErrors:
    """Sort the detections of a frame into right ones and mistakes.

    A detection finds the free object of its class that it overlaps most in BEV, best
    score first. One that finds an object and points the other way (by more than 90
    degrees) has the wrong heading. What remains is a duplicate (of a found object), of
    the wrong class (on an object of another class), misplaced (touches an object of its class
    by at least 0.1), or false.

    Args:
        predicted: ``boxes`` (N, >= 7), ``scores`` (N,) falling, ``labels`` (N,).
        labeled: ``boxes``, ``labels``.
        points: (P, >= 3) LiDAR frame.
        iou_threshold: least intersection over union in BEV.
    """
    overlaps = _ious(predicted['boxes'], labeled['boxes'])  # [N, M]
    same = np.asarray(predicted['labels'])[:, None] == np.asarray(labeled['labels'])[None]
    matches = match_best_first(np.where(same, overlaps, 0.0), iou_threshold)
    kinds = np.full(len(overlaps), FALSE, dtype=object)
    objects = matches.copy()
    gt = np.full(overlaps.shape[1], MISSED, dtype=object)
    for row, match in enumerate(matches):
        if match >= 0:
            turned = _angle(predicted['boxes'][row][6] - labeled['boxes'][match][6]) > np.pi / 2
            kinds[row] = gt[match] = HEADING if turned else FOUND
    for row in np.flatnonzero(matches < 0):
        kinds[row], objects[row] = _mistake(overlaps[row], same[row], iou_threshold)
    counts = count_points_in_boxes(torch.as_tensor(points[:, :3], dtype=torch.float64),
                                   torch.as_tensor(_seven(labeled['boxes'])))
    return FrameErrors(kinds, objects, gt, counts.numpy())


def _mistake(ious: np.ndarray, same: np.ndarray, iou_threshold: float) -> tuple[str, int]:
    if not len(ious):
        return FALSE, -1
    own, other = np.where(same, ious, 0.0), np.where(same, 0.0, ious)
    if own.max() >= iou_threshold:
        return DUPLICATE, int(own.argmax())
    if other.max() >= iou_threshold:
        return CLASS, int(other.argmax())
    if own.max() >= LEAST_TOUCH:
        return MISPLACED, int(own.argmax())
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
                edges: Sequence[float] = (0, 15, 30, 50, np.inf)) -> list[Bin]:
    """Recall and precision by horizontal distance from the sensor [m]."""
    gt = [np.hypot(*_seven(labeled['boxes'])[:, :2].T) for _, labeled, _ in frames]
    found = [np.hypot(*_seven(predicted['boxes'])[:, :2].T) for predicted, _, _ in frames]
    return _bins(frames, gt, found, edges, 'm')


def by_points(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
              edges: Sequence[float] = (0, 1, 6, 21, 101, np.inf)) -> list[Bin]:
    """Recall by the number of LiDAR points in an object: what occlusion and distance leave."""
    gt = [errors.points for _, _, errors in frames]
    return _bins(frames, gt, None, edges, 'points')


def by_size(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
            edges: Sequence[float] = (0, 2, 4, 6, np.inf)) -> list[Bin]:
    """Recall and precision by the longer side of the box [m]."""
    gt = [_seven(labeled['boxes'])[:, 3:5].max(1, initial=0) for _, labeled, _ in frames]
    found = [_seven(predicted['boxes'])[:, 3:5].max(1, initial=0) for predicted, _, _ in frames]
    return _bins(frames, gt, found, edges, 'm long')


def confusion(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
              classes: int) -> np.ndarray:
    """[classes + 1, classes + 1] counts: truth by detection; the last row is background, the
    last column what was missed. Duplicates and misplaced detections count as background."""
    table = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    for predicted, labeled, errors in frames:
        for kind, label, item in zip(errors.detections, predicted['labels'], errors.objects,
                                     strict=True):
            row = labeled['labels'][item] if kind in (FOUND, HEADING, CLASS) else classes
            table[row, label] += 1
        on_other = set(errors.objects[errors.detections == CLASS].tolist())
        for item, (label, state) in enumerate(zip(labeled['labels'], errors.gt, strict=True)):
            table[label, classes] += state == MISSED and item not in on_other
    return table


def precision_recall(frames: Sequence[tuple[Mapping, Mapping, FrameErrors]],
                     label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and score along the ranked detections of one class."""
    scores, right, objects = [], [], 0
    for predicted, labeled, errors in frames:
        rows = np.asarray(predicted['labels']) == label
        scores.append(np.asarray(predicted['scores'])[rows])
        right.append(np.isin(errors.detections[rows], (FOUND, HEADING)))
        objects += int((np.asarray(labeled['labels']) == label).sum())
    scores, right = np.concatenate([[], *scores]), np.concatenate([[], *right])
    order = np.argsort(-scores, kind='stable')
    true = np.cumsum(right[order])
    return true / max(objects, 1), true / np.arange(1, len(true) + 1), scores[order]


def _bins(frames: Sequence, gt: list, pred: list | None, edges: Sequence[float],
          unit: str) -> list[Bin]:
    bins = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        objects = hit = detections = right = 0
        for place, (_, _, errors) in enumerate(frames):
            inside = (gt[place] >= low) & (gt[place] < high)
            objects += int(inside.sum())
            hit += int((errors.gt[inside] != MISSED).sum())
            if pred is not None:
                inside = (pred[place] >= low) & (pred[place] < high)
                detections += int(inside.sum())
                right += int(np.isin(errors.detections[inside], (FOUND, HEADING)).sum())
        name = f'{low:g} to {high:g} {unit}' if np.isfinite(high) else f'over {low:g} {unit}'
        bins.append(Bin(name, objects, hit, detections, right))
    return bins


def _ious(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    a, b = (torch.from_numpy(_seven(boxes)[:, _BEV]) for boxes in (one, other))
    return rotated_iou_bev(a, b).numpy()


def _seven(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    return boxes.reshape(len(boxes), -1)[:, :7] if len(boxes) else np.zeros((0, 7))


def _angle(difference: float) -> float:
    return abs((difference + np.pi) % (2 * np.pi) - np.pi)
