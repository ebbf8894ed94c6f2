"""When a detection counts as right, and what a benchmark does not count at all."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from sparse3d.ops.rotated_iou import rotated_iou_3d, rotated_iou_bev

SAME_PLACE = 0.2    # meters between the two readings of one labeled object
_BEV = [0, 1, 3, 4, 6]


@dataclass(frozen=True)
class MatchingRule:
    """What a detection and an object of one class have to share.

    Attributes:
        kind: ``'3D'`` or ``'BEV'`` (intersection over union), or ``'distance'`` of the centers.
        threshold: least overlap, or greatest distance in meters.
    """

    kind: str = 'BEV'
    threshold: float = 0.5

    def __str__(self) -> str:
        if self.kind == 'distance':
            return f'centers within {self.threshold:g} m'
        return f'{self.kind} IoU at least {self.threshold:g}'

    def fit(self, boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
        """[N, M] how well boxes fit others; from 1 on they match."""
        if self.kind == 'distance':
            apart = np.linalg.norm(boxes[:, None, :2] - others[None, :, :2], axis=-1)
            return self.threshold / np.maximum(apart, 1e-9)
        a, b = torch.from_numpy(boxes), torch.from_numpy(others)
        overlaps = rotated_iou_3d(a, b) if self.kind == '3D' else rotated_iou_bev(
            a[:, _BEV], b[:, _BEV])
        return overlaps.numpy() / self.threshold


@dataclass(frozen=True)
class Ignored:
    """What a benchmark leaves out of one frame, of objects and of detections.

    Attributes:
        boxes: (K, 7) objects that may be found or missed for nothing, LiDAR frame.
        labels: (K,) the class that each is ignored for.
        detections: (N,) those that count for nothing unless they find an object; or empty.
    """

    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 7)))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    detections: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def of_objects(self, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(M,) which labeled objects are among the ignored ones."""
        boxes, labels = seven(boxes), np.asarray(labels)
        if not len(self.boxes) or not len(boxes):
            return np.zeros(len(boxes), bool)
        apart = np.linalg.norm(boxes[:, None, :2] - self.boxes[None, :, :2], axis=-1)
        return ((apart < SAME_PLACE) & (labels[:, None] == self.labels[None])).any(axis=1)

    def of_detections(self, predicted: Mapping, rules: Sequence[MatchingRule],
                      iou_threshold: float) -> np.ndarray:
        """(N,) which detections are ignored if they find no object that counts."""
        count = len(predicted['boxes'])
        out = np.array(self.detections, bool) if len(self.detections) else np.zeros(count, bool)
        if not len(self.boxes) or not count:
            return out
        fits = fit_of(predicted, dict(boxes=self.boxes, labels=self.labels), rules, iou_threshold)
        same = np.asarray(predicted['labels'])[:, None] == self.labels[None]
        return out | (np.where(same, fits, 0).max(axis=1) >= 1)


NOTHING_IGNORED = Ignored()


def fit_of(predicted: Mapping, labeled: Mapping, rules: Sequence[MatchingRule],
           iou_threshold: float) -> np.ndarray:
    """[N, M] how well detections fit objects by the rule of the detection's class."""
    boxes, others = seven(predicted['boxes']), seven(labeled['boxes'])
    fits = np.zeros((len(boxes), len(others)))
    usual = MatchingRule('BEV', iou_threshold)
    labels = np.asarray(predicted['labels'])
    for label in np.unique(labels).tolist() if len(labels) else ():
        rule = rules[label] if 0 <= label < len(rules) else usual
        fits[labels == label] = rule.fit(boxes[labels == label], others)
    return fits


def bev_ious(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[N, M] intersection over union in BEV."""
    return MatchingRule('BEV', 1.0).fit(seven(one), seven(other))


def seven(boxes: np.ndarray) -> np.ndarray:
    """(M, 7) float64 of boxes with at least seven numbers."""
    boxes = np.asarray(boxes, np.float64)
    return boxes.reshape(len(boxes), -1)[:, :7] if len(boxes) else np.zeros((0, 7))
