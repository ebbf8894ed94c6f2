"""Matching all at once against one detection after another."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics import center_distance_matching
from sparse3d.metrics.center_distance_matching import match_centers

THRESHOLDS = (0.5, 1.0, 2.0, 4.0)


def one_after_another(pred_frame, pred_center, gt_frame, gt_center, threshold):
    found, left = [], set(range(len(gt_frame)))
    for frame, center in zip(pred_frame, pred_center, strict=True):
        best, closest = -1, np.inf
        for row in sorted(left):
            distance = np.linalg.norm(center - gt_center[row])
            if gt_frame[row] == frame and distance < closest:
                best, closest = row, distance
        best = best if closest < threshold else -1
        left.discard(best)
        found.append(best)
    return found


@pytest.mark.parametrize('seed', range(20))
def test_as_one_after_another(seed, monkeypatch):
    """Whole numbers give ties; few pairs at once gives several parts."""
    monkeypatch.setattr(center_distance_matching, '_PAIRS_AT_ONCE', 50)
    random = np.random.default_rng(seed)
    pred_frame, gt_frame = random.integers(0, 4, 80), random.integers(0, 4, 30)
    pred_center, gt_center = (random.integers(0, 6, (len(frame), 2)) / (1 + seed % 2)
                              for frame in (pred_frame, gt_frame))
    found = match_centers(pred_frame, pred_center, gt_frame, gt_center, THRESHOLDS)
    for threshold, rows in zip(THRESHOLDS, found, strict=True):
        assert rows.tolist() == one_after_another(pred_frame, pred_center, gt_frame, gt_center,
                                                  threshold)
    assert 0 < (found[0] >= 0).sum() < (found[3] >= 0).sum() < 31


def test_the_threshold_itself_is_too_far():
    where = np.array([[0.0, 0.0]])
    found = match_centers(np.zeros(1), where, np.zeros(1), where + [[0.0, 2.0]], (2.0, 4.0))
    assert [rows.tolist() for rows in found] == [[-1], [0]]


@pytest.mark.parametrize(('pred', 'gt'), [(0, 0), (3, 0), (0, 3)])
def test_nothing_on_one_side(pred, gt):
    found, = match_centers(np.zeros(pred, int), np.zeros((pred, 2)), np.zeros(gt, int),
                           np.zeros((gt, 2)), (1.0,))
    assert found.tolist() == [-1] * pred


def test_places_that_are_not_finite_match_nothing():
    found, = match_centers(np.zeros(2, int), np.array([[np.inf, 0], [np.nan, 0]]),
                           np.zeros(1, int), np.array([[np.inf, 0]]), (4.0,))
    assert found.tolist() == [-1, -1]
