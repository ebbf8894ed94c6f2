"""Curves of a class by hand, and the interval of a difference."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics.box_average_precision import evaluate_boxes
from sparse3d.metrics.detection_errors import frame_errors
from sparse3d.metrics.matching_rules import MatchingRule
from sparse3d.metrics.score_curves import RankedClass, compare_paired

CAR = np.array([10, 0, -1, 4, 2, 1.5, 0])
POINTS = np.zeros((0, 4))


def frames(offsets, scores=None):
    """One object and one detection a frame, so many meters beside it."""
    scores = np.linspace(0.9, 0.1, len(offsets)) if scores is None else scores
    made = []
    for offset, score in zip(offsets, scores, strict=True):
        pair = (dict(boxes=CAR[None] + [offset, 0, 0, 0, 0, 0, 0], scores=np.array([score]),
                     labels=np.zeros(1, int)), dict(boxes=CAR[None], labels=np.zeros(1, int)))
        made.append((*pair, frame_errors(*pair, POINTS)))
    return made


def test_the_average_precision_is_that_of_the_evaluation():
    random = np.random.default_rng(0)
    made = []
    for _ in range(12):
        objects = random.uniform([0, -20, -1, 3, 1, 1, -3], [40, 20, 0, 5, 2, 2, 3], (6, 7))
        pred = np.concatenate([objects[:4] + random.normal(0, 0.25, (4, 7)) * [1, 1, 0, 0, 0, 0, 0],
                               objects[:3] + 50])
        pair = (dict(boxes=pred, scores=-np.sort(-random.uniform(size=7)),
                     labels=np.zeros(7, int)), dict(boxes=objects, labels=np.zeros(6, int)))
        made.append((*pair, frame_errors(*pair, POINTS, rules=(MatchingRule('BEV', 0.5),))))
    expected = evaluate_boxes([frame[0] for frame in made], [frame[1] for frame in made], ['Car'],
                              [0.5], ['BEV']).average_precision['Car_BEV_0.5']
    assert 5 < expected < 95
    assert RankedClass(made, 0).average_precision() == pytest.approx(expected)


def test_the_best_threshold():
    best = RankedClass(frames([0, 0, 9, 0, 9, 9]), 0).best_threshold()
    assert best.score == pytest.approx(0.42)           # the fourth of six
    assert (best.precision, best.recall) == (75, 50) and best.f1 == pytest.approx(60)
    assert RankedClass([], 0).best_threshold() is None
    assert np.isnan(RankedClass(frames([0]), 1).average_precision())


def test_detections_of_one_score_are_kept_or_left_together():
    best = RankedClass(frames([0, 9, 9, 9], np.full(4, 0.5)), 0).best_threshold()
    assert (best.precision, best.recall) == (25, 25)


def test_weights_are_repeated_frames():
    some = RankedClass(frames([0, 9, 0]), 0)
    again = RankedClass([frames([0, 9, 0])[row] for row in (0, 0, 1)], 0)
    assert some.average_precision(np.array([2., 1, 0])) == again.average_precision()


def test_a_difference_and_its_interval():
    scores = np.random.default_rng(0).uniform(size=80)
    good = [RankedClass(frames([0] * 70 + [9] * 10, scores), 0)]
    poor = [RankedClass(frames([0] * 20 + [9] * 60, scores), 0)]
    clear, mean = compare_paired(poor, good, 200)
    assert clear.certain and clear.low > 0 and clear.low < clear.difference < clear.high
    assert mean.difference == clear.difference
    same, _ = compare_paired(good, good, 200)
    assert (same.low, same.high, same.certain) == (0, 0, False)
