"""The assignment and the counting over cut-offs, against slow and plain ways."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from sparse3d.datasets.waymo.evaluate import evaluate_waymo
from sparse3d.datasets.waymo.evaluate.ious import ious_of_pairs
from sparse3d.datasets.waymo.evaluate.matching import CUTOFFS, heaviest_assignment, last_cutoff


def test_the_greedy_choice_is_not_taken_when_another_sum_is_larger():
    assert heaviest_assignment(np.array([[9, 8], [8, 0]])).tolist() == [1, 0]
    assert heaviest_assignment(np.array([[9], [10]])).tolist() == [-1, 0]
    assert heaviest_assignment(np.array([[0, 0, 4]])).tolist() == [2]
    assert heaviest_assignment(np.zeros((2, 2), np.int64)).tolist() == [-1, -1]


@pytest.mark.parametrize('shape', [(3, 3), (2, 6), (6, 2), (7, 9), (1, 1)])
def test_the_sum_is_that_of_scipy(shape):
    random = np.random.default_rng(0)
    for _ in range(60):
        weights = random.integers(0, 1000, shape) * (random.random(shape) < 0.5)
        chosen = heaviest_assignment(weights)
        rows = np.flatnonzero(chosen >= 0)
        assert len(set(chosen[rows])) == len(rows) and (weights[rows, chosen[rows]] > 0).all()
        best = linear_sum_assignment(weights, maximize=True)
        assert weights[rows, chosen[rows]].sum() == weights[best].sum()


def test_cutoffs_are_reached_in_float32():
    scores = np.array([0.07, 0.0699, 1, 0, -0.1, 2], np.float32)
    assert last_cutoff(scores).tolist() == [7, 6, 100, 0, -1, 100]


def test_overlaps_by_hand():
    box = np.array([[0.0, 0, 0, 4, 2, 1, 0]])
    shifted = box + [2, 0, 0.5, 0, 0, 0, 0]
    assert ious_of_pairs(box, shifted, 'bev') == pytest.approx(4 / 12)
    assert ious_of_pairs(box, shifted, '3d') == pytest.approx(2 / 14)
    thin = box * [1, 1, 1, 1, 0.005, 1, 1]
    assert ious_of_pairs(thin, thin) == 0


def test_crowds_are_counted_as_by_matching_every_frame_at_every_cutoff():
    """Many boxes on top of each other, so that islands are large."""
    random = np.random.default_rng(3)

    def crowd(number):
        box = np.tile([10.0, 0, 0, 1, 1, 1.8, 0], (number, 1))
        box[:, :2] += random.uniform(-0.8, 0.8, (number, 2))
        return dict(frame=random.integers(0, 4, number), box=box, type=np.full(number, 2),
                    score=random.random(number))
    found, truth = crowd(80), crowd(40)
    curve = evaluate_waymo(found, truth).curves['Pedestrian', 2]
    for index in range(0, 101, 7):
        matched = sum(_matched(found, truth, frame, CUTOFFS[index]) for frame in range(4))
        assert curve.true_positives[index] == matched


def _matched(found, truth, frame, cutoff) -> int:
    own = found['box'][(found['frame'] == frame) & (np.float32(found['score']) >= cutoff)]
    theirs = truth['box'][truth['frame'] == frame]
    rows, columns = np.indices((len(theirs), len(own))).reshape(2, -1)
    overlap = ious_of_pairs(theirs[rows], own[columns]).reshape(len(theirs), len(own))
    weight = np.where(overlap >= 0.5, np.round(1e6 * overlap), 0)
    return int((weight[linear_sum_assignment(weight, maximize=True)] > 0).sum())
