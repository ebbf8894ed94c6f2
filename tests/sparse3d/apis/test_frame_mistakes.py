"""What pictures say is wrong is what the report says, by the benchmark's own rule."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.apis.frame_mistakes import WatchedJudge, object_kinds, with_mistakes
from sparse3d.apis.predicted_frames import PredictedFrame
from sparse3d.metrics.detection_errors import frame_errors
from sparse3d.metrics.matching_rules import Ignored, MatchingRule
from sparse3d.visualization.frame import Boxes, Frame

NAMES = ('car', 'bicycle')


def boxes(*centers) -> np.ndarray:
    return np.array([[x, y, -1.0, 4, 2, 1.6, 0] for x, y in centers])


def street(found: np.ndarray, labels: list[int], scores: list[float]) -> Frame:
    truth = boxes((10, 0), (20, 0), (30, 0))
    return Frame('7', np.zeros((0, 4)), NAMES, Boxes(truth, np.array([0, 0, 1])),
                 Boxes(found, np.array(labels), np.array(scores)))


def test_each_box_is_told():
    frame = with_mistakes(street(boxes((10, 0), (30, 0), (10, 9)), [0, 0, 0], [0.5, 0.9, 0.7]))
    # the best first: the bicycle taken for a car, one where nothing is, the first car
    assert frame.detections.kinds.tolist() == ['wrong class', 'false', 'found']
    assert frame.ground_truth.kinds.tolist() == ['found', 'missed', 'wrong class']
    np.testing.assert_array_equal(frame.ground_truth.found_by, [0.5, np.nan, 0.9])
    assert frame.detections.mistakes().tolist() == [True, True, False]
    assert frame.ground_truth.mistakes().tolist() == [False, True, True]


def test_the_rule_decides():
    frame = street(boxes((11.5, 0)), [0], [0.9])
    assert with_mistakes(frame).detections.kinds.tolist() == ['misplaced']
    rules = (MatchingRule('distance', 2.0),) * 2
    assert with_mistakes(frame, rules).detections.kinds.tolist() == ['found']


def test_what_is_ignored_is_no_mistake():
    ignored = Ignored(boxes((20, 0)), np.array([0]), np.array([False]))
    frame = with_mistakes(street(boxes((10, 0)), [0], [0.9]), (), ignored)
    assert frame.ground_truth.kinds.tolist() == ['found', 'ignored', 'missed']
    assert frame.ground_truth.mistakes().tolist() == [False, False, True]


def test_without_labels_or_detections_nothing_is_said():
    frame = street(boxes((10, 0)), [0], [0.9])
    for part in ('ground_truth', 'detections'):
        alone = replace(frame, **{part: None})
        assert with_mistakes(alone) is alone


def test_an_object_that_two_are_right_about_stays_found():
    truth = dict(boxes=boxes((10, 0)), labels=np.array([0]))
    found = dict(boxes=boxes((10, 0), (10, 0)), labels=np.array([0, 1]),
                 scores=np.array([0.9, 0.8]))
    errors = frame_errors(found, truth, np.zeros((0, 3)))
    assert errors.detections.tolist() == ['found', 'wrong class']
    assert object_kinds(errors).tolist() == ['found']


def test_a_frame_is_judged_at_every_threshold_with_what_is_ignored():
    class Judge:
        rules = ()

        def ignored(self, each, score_threshold):
            return Ignored(detections=np.array([False, True, False]))
    made = street(boxes((10, 0), (10, 9), (20, 0)), [0, 0, 0], [0.9, 0.8, 0.7])
    watched = WatchedJudge(Judge(), lambda index: PredictedFrame(index, {}, None, made))
    frame = watched.load(0)
    kinds = [watched.judged(replace(frame, detections=frame.detections.above(score)))
             for score in (0.0, 0.75)]
    assert kinds[0].detections.kinds.tolist() == ['found', 'ignored', 'found']
    assert kinds[1].detections.kinds.tolist() == ['found', 'ignored']
    assert kinds[1].ground_truth.kinds.tolist() == ['found', 'missed', 'missed']


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_boxes_without_numbers_are_wrong_and_stop_nothing(value):
    found = boxes((10, 0), (20, 0))
    found[1, 0] = value
    frame = with_mistakes(street(found, [0, 0], [0.9, 0.8]))
    assert frame.detections.kinds.tolist() == ['found', 'false']


def test_an_object_with_a_misplaced_detection_is_said_once():
    frame = with_mistakes(street(boxes((12, 0)), [0], [0.9]))
    assert frame.detections.kinds.tolist() == ['misplaced']
    assert frame.ground_truth.kinds.tolist() == ['misplaced', 'missed', 'missed']
    np.testing.assert_array_equal(frame.ground_truth.found_by, [0.9, np.nan, np.nan])
