"""KITTI's average precision of one class, difficulty and overlap."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.ious import Candidates
from sparse3d.datasets.kitti.evaluate.matching import (
    COUNTS,
    count_at_thresholds,
    detection_states,
    gt_states,
    recall_thresholds,
    scores_of_matched,
)

RECALL_POINTS = 41


class Curves(NamedTuple):
    """Precision and heading-weighted precision over recall 0, 1/40, ..., 1."""

    precision: np.ndarray   # [41]
    similarity: np.ndarray  # [41]
    num_gt: int             # ground truths that count


def precision_curves(
        gt: KittiObjects,
        detections: KittiObjects,
        candidates: Candidates,
        iou_threshold: float,
        wanted: str,
        difficulty: int,
        angle: str = 'alpha',
        dontcare: np.ndarray | None = None,   # [D]
        minimum_height_counts: bool = False,
) -> Curves:
    """Curves after the running maximum from the right, as the official code prints them.

    With fewer than 41 counting objects the last points stay 0: a perfect result on n
    objects has AP_R40 = (n - 1) / 40.

    Args:
        candidates: overlapping pairs of the metric.
        iou_threshold: a match overlaps by more than this.
        difficulty: 0 easy, 1 moderate, 2 hard.
        angle: which attribute the similarity compares, ``'alpha'`` or ``'rotation_y'``.
        dontcare: share of each detection inside a DontCare area (image metric only).
        minimum_height_counts: see :func:`~sparse3d.datasets.kitti.evaluate.matching.gt_states`.
    """
    gt_state = gt_states(gt.name, gt.bbox, gt.occluded, gt.truncated, wanted,
                         difficulty, minimum_height_counts)
    detection_state = detection_states(detections.name, detections.bbox, wanted, difficulty)
    num_gt = int((gt_state == COUNTS).sum())
    excused = np.zeros(len(detections), bool) if dontcare is None else dontcare > iou_threshold
    pred = scores_of_matched(gt_state, detection_state, detections.score, *candidates,
                             float(iou_threshold))
    thresholds = recall_thresholds(pred, max(num_gt, 1), RECALL_POINTS)
    counts = count_at_thresholds(
        thresholds, gt_state, detection_state, detections.score, excused,
        getattr(gt, angle), getattr(detections, angle), *candidates, float(iou_threshold))
    reported = np.maximum(counts[:, 0] + counts[:, 1], 1)
    return Curves(_padded(counts[:, 0] / reported), _padded(counts[:, 2] / reported), num_gt)


def average_precision(curve: np.ndarray, points: int) -> float:
    """Mean of a curve in percent, over 40 recall points (without 0) or 11 (with 0).

    Raises:
        ValueError: for another number of points.
    """
    if points == 40:
        return float(curve[1:].sum() / 40 * 100)
    if points == 11:
        return float(curve[::4].sum() / 11 * 100)
    raise ValueError(f'KITTI averages over 40 or 11 points, not {points}')


def _padded(values: np.ndarray) -> np.ndarray:
    curve = np.zeros(RECALL_POINTS)
    curve[:len(values)] = np.maximum.accumulate(values[::-1])[::-1][:RECALL_POINTS]
    return curve
