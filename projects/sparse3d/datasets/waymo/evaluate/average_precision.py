"""Waymo's average precision of one curve, in the float32 arithmetic of the official tool."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

RECALL_STEP = np.float32(0.05)
_SLACK = np.float32(1e-6)


class Curve(NamedTuple):
    """Counts and ratios at the 101 score cut-offs 0, 0.01, ..., 1.

    Where nothing is found (recall 0) the precisions are 1.
    """

    true_positives: np.ndarray      # [101]  int64, of any level
    false_positives: np.ndarray     # [101]
    false_negatives: np.ndarray     # [101]  of this level and below
    precision: np.ndarray           # [101]  float32
    heading_precision: np.ndarray   # [101]  weighted by the heading accuracy
    recall: np.ndarray              # [101]


def make_curve(
        true_positives: np.ndarray,    # [101]  counts
        false_positives: np.ndarray,   # [101]
        false_negatives: np.ndarray,   # [101]
        heading_accuracy: np.ndarray,  # [101]  sum over the true positives
) -> Curve:
    """Ratios of the counts; 0 where nothing was reported, precision 1 at recall 0."""
    pred, wrong, missed = (np.asarray(counts).astype(np.float32) for counts in
                           (true_positives, false_positives, false_negatives))
    recall = _ratio(pred, pred + missed)
    precision = np.where(recall == 0, np.float32(1), _ratio(pred, pred + wrong))
    heading = np.where(recall == 0, np.float32(1),
                       _ratio(np.float32(heading_accuracy), pred + wrong))
    return Curve(*(np.asarray(counts).astype(np.int64) for counts in
                   (true_positives, false_positives, false_negatives)),
                 precision, heading, recall)


def average_precision(
        precision: np.ndarray,  # [C]
        recall: np.ndarray,     # [C]  in any order
) -> float:
    """Area under the interpolated curve, 0 to 1.

    Each recall keeps its best precision, and a lower recall never has less than a higher
    one. Gaps wider than 0.05 are filled in steps of 0.05 from the right with the precision
    of their right end; from the lowest recall to 0 the curve is level.
    """
    best: dict[np.float32, np.float32] = {np.float32(0): np.float32(1)}
    for value, place in zip(np.float32(precision), np.float32(recall), strict=True):
        best[place] = max(value, best.get(place, value))
    recalls = sorted(best, reverse=True)
    x, y = [recalls[0]], [best[recalls[0]]]
    for place in recalls[1:]:
        right = y[-1]
        while x[-1] - place > RECALL_STEP + _SLACK:
            x.append(x[-1] - RECALL_STEP)
            y.append(right)
        x.append(place)
        y.append(max(right, best[place]) if place > 0 else right)
    area = np.float32(0)
    for index in range(len(x) - 1):
        area += (x[index] - x[index + 1]) * (y[index] + y[index + 1]) / np.float32(2)
    return float(area)


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)
