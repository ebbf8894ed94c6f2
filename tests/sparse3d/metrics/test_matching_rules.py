from __future__ import annotations

import numpy as np

from sparse3d.metrics.matching_rules import Ignored, MatchingRule, fit_of

CAR = np.array([[10.0, 0, -1, 4, 2, 1.5, 0]])


def test_each_rule_in_words_and_numbers():
    half = CAR + [2, 0, 0, 0, 0, 0, 0]                     # a third of the union
    assert MatchingRule('BEV', 1 / 3).fit(CAR, half).round(6) == 1
    higher = CAR + [0, 0, 0.75, 0, 0, 0, 0]
    assert MatchingRule('3D', 1 / 3).fit(CAR, higher).round(6) == 1
    assert MatchingRule('distance', 2).fit(CAR, half) == 1
    assert [str(MatchingRule('3D', 0.7)), str(MatchingRule('distance', 2))] == [
        '3D IoU at least 0.7', 'centers within 2 m']


def test_nothing_fits_nothing():
    empty = dict(boxes=np.zeros((0, 7)), labels=np.zeros(0, int))
    assert fit_of(empty, dict(boxes=CAR), (), 0.5).shape == (0, 1)
    assert Ignored().of_objects(CAR, np.zeros(1)).tolist() == [False]
    assert Ignored(CAR, np.zeros(1, int)).of_detections(empty, (), 0.5).shape == (0,)
