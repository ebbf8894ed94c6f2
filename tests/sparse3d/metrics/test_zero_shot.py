"""Recall, false boxes, intervals and the choice of a threshold, by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.metrics.zero_shot import Limits, choose_threshold, interval, score_frame, summarize
from sparse3d.structures.labeled_frame import CAR, LARGE_VEHICLE, PEDESTRIAN, RIDERLESS

pytestmark = pytest.mark.fast


def box(x, y=0., dx=4., dy=2.):
    return [x, y, 0., dx, dy, 1.5, 0.]


LABELED = (np.array([box(10), box(20), box(30), box(10, 20, 8, 2.5), box(60)]),
           np.array([CAR, CAR, CAR, LARGE_VEHICLE, CAR], object))
COUNTS = np.array([100, 19, 50, 100, 100])


def score(boxes, scores, name=CAR, labeled=LABELED, counts=COUNTS, seen=None):
    seen = np.ones(len(boxes), bool) if seen is None else np.array(seen, bool)
    return score_frame((np.array(boxes).reshape(-1, 7), np.array(scores, float)), labeled, counts,
                       seen, name, Limits())


def test_wanted_are_those_with_enough_points_near_enough():
    found = score([box(10), box(30.5), box(60)], [.9, .6, .8]).found
    np.testing.assert_allclose(found[.5], [.9, .6])   # at 10 and 30 m; 20 m has 19 points


def test_a_box_beside_its_object_counts_at_the_lower_threshold_alone():
    found = score([box(11.6)], [.7]).found      # 2.4 of 5.6 m along: 0.43
    assert (found[.5][0], found[.3][0]) == (-1, .7)


def test_a_detection_finds_one_object_and_the_best_comes_first():
    found = score([box(10.2), box(10)], [.5, .9]).found
    np.testing.assert_allclose(found[.5], [.9, -1])


def test_trucks_cars_with_few_points_far_and_unlabeled_places_are_not_false():
    result = score([box(10, 20, 7, 2.4), box(20), box(55, 9), box(10, -20), box(10, -30)],
                   [.9, .9, .9, .9, .8], seen=[1, 1, 1, 1, 0])
    np.testing.assert_allclose(result.false, [.9])


def test_people_may_be_taken_for_bicycles():
    labeled = (np.array([box(5, 0, 1.8, .6), box(9, 0, .8, .8)]),
               np.array([RIDERLESS, PEDESTRIAN], object))
    result = score([box(5, 0, 1.8, .6), box(9, 0, .8, .8), box(15, 0, .8, .8)], [.5, .6, .7],
                   PEDESTRIAN, labeled, np.array([50, 50]))
    np.testing.assert_allclose(result.found[.5], [.6])
    np.testing.assert_allclose(result.false, [.7])


def test_nothing_detected_and_nothing_labeled():
    empty = (np.zeros((0, 7)), np.zeros(0, object))
    assert len(score([], [], labeled=empty, counts=np.zeros(0)).false) == 0
    assert len(score([box(5)], [.4], labeled=empty, counts=np.zeros(0)).false) == 1


def test_a_summary_counts_at_a_threshold():
    frames = [score([box(10), box(30), box(10, -20)], [.9, .4, .6]), score([box(10)], [.2])]
    found = summarize(frames, .5)
    assert (found.frames, found.wanted, found.found[.5], found.false) == (2, 4, 1, 1)
    assert summarize(frames, .1).found[.5] == 3
    low, high = found.recall_interval[.5]
    assert 0 <= low < .25 < high <= .75


def test_intervals_hold_the_mean_and_shrink_with_the_count():
    rng = np.random.default_rng(0)
    few, many = interval(np.arange(10) < 3, rng), interval(np.arange(1000) < 300, rng)
    assert few[0] <= .3 <= few[1] and many[0] < .3 < many[1]
    assert many[1] - many[0] < .25 * (few[1] - few[0])
    assert np.isnan(interval(np.zeros(0), rng)).all()


def test_the_threshold_leaves_so_many_false_boxes_a_frame():
    frames = [score([box(10, y) for y in (-20, -30, 30)], scores)
              for scores in ([.9, .55, .3], [.8, .42, .2])]
    threshold = choose_threshold(frames, 1.0)
    assert threshold == pytest.approx(.56)
    assert summarize(frames, threshold).false <= 2
    assert choose_threshold(frames, 5.0) == .05


def test_limits_and_numbers_that_mean_nothing_are_refused():
    for limits in (dict(min_points=-1), dict(max_distance=0), dict(max_distance=float('nan'))):
        with pytest.raises(DataError, match='out of range'):
            Limits(**limits)
    for allowed in (-1., float('nan'), float('inf')):
        with pytest.raises(DataError, match='cannot be left'):
            choose_threshold([score([box(10)], [.9])], allowed)
