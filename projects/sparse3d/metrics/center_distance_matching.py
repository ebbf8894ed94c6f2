"""Detections to objects by the distance of their centers in BEV, best detection first."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_PAIRS_AT_ONCE = 2_000_000  # bounds the memory that the distances take


def match_centers(pred_frame: np.ndarray, pred_center: np.ndarray, gt_frame: np.ndarray,
                  gt_center: np.ndarray, thresholds: Sequence[float]) -> list[np.ndarray]:
    """Objects that detections of one class find, for several distances.

    In their order, each detection takes the closest object of its frame that is left, the first
    of several as close, if it is closer than the threshold.

    Args:
        pred_frame: (N,) number of the frame of each detection; best detection first.
        pred_center: (N, >=2) x, y [m].
        gt_frame: (M,), and gt_center (M, >=2) likewise of the objects.
        thresholds: [m].

    Returns:
        For each threshold (N,) the row of the object found, -1 for none.
    """
    pred, gt, distance = _close_pairs(pred_frame, pred_center, gt_frame, gt_center,
                                      max(thresholds))
    return [_first_come_first_served(pred[close], gt[close], len(pred_frame), len(gt_frame))
            for close in (distance < threshold for threshold in thresholds)]


def _close_pairs(pred_frame: np.ndarray, pred_center: np.ndarray, gt_frame: np.ndarray,
                 gt_center: np.ndarray, max_distance: float,
                 ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of detections and objects of a frame that are closer than ``max_distance``, and how
    close; sorted by detection, distance, object."""
    order = np.argsort(gt_frame, kind='stable')
    frames = gt_frame[order]
    starts = np.searchsorted(frames, pred_frame, side='left')
    counts = np.searchsorted(frames, pred_frame, side='right') - starts
    before = np.concatenate([[0], np.cumsum(counts)])
    parts, first = [], 0
    while first < len(pred_frame):
        last = max(first + 1, int(np.searchsorted(before, before[first] + _PAIRS_AT_ONCE)) - 1)
        pred = np.repeat(np.arange(first, last), counts[first:last])
        place = np.arange(len(pred)) - np.repeat(before[first:last] - before[first],
                                                 counts[first:last])
        gt = order[starts[pred] + place]
        with np.errstate(invalid='ignore'):  # what is not finite is close to nothing
            delta = pred_center[pred, :2] - gt_center[gt, :2]
            distance = np.sqrt(delta[:, 0] * delta[:, 0] + delta[:, 1] * delta[:, 1])
        close = distance < max_distance
        parts.append((pred[close], gt[close], distance[close]))
        first = last
    pred, gt, distance = (np.concatenate([np.zeros(0, kind), *column]) for kind, column in zip(
        (np.int64, np.int64, np.float64), zip(*parts, strict=True) if parts else ((), (), ()),
        strict=True))
    best = np.lexsort((gt, distance, pred))
    return pred[best], gt[best], distance[best]


def _first_come_first_served(pred: np.ndarray, gt: np.ndarray, num_pred: int,
                             num_gt: int) -> np.ndarray:
    """The object that each detection gets, by its list of objects, closest first.

    All at once: every detection asks for the first object of its list, an object keeps the best
    that asks, and the others go on in their lists (deferred acceptance, Gale and Shapley 1962).
    As all objects prefer the same detections, the outcome is that of one after another.
    """
    wish = np.searchsorted(pred, np.arange(num_pred + 1))
    end, wish = wish[1:], wish[:-1].copy()
    holder = np.full(num_gt, num_pred)
    asking = np.flatnonzero(wish < end)
    while len(asking):
        wanted = gt[wish[asking]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, asking)
        after = holder[wanted]
        sent_on = np.unique(np.concatenate([asking[after != asking], before[before != after]]))
        sent_on = sent_on[sent_on < num_pred]
        wish[sent_on] += 1
        asking = sent_on[wish[sent_on] < end[sent_on]]
    found = np.full(num_pred, -1)
    taken = np.flatnonzero(holder < num_pred)
    found[holder[taken]] = taken
    return found
