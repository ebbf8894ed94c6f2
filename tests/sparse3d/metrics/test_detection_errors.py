"""Every kind of mistake, by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics.detection_errors import (
    by_distance,
    by_points,
    by_size,
    confusion,
    distance_edges,
    frame_errors,
    part_edges,
)
from sparse3d.metrics.matching_rules import Ignored, MatchingRule

CAR = [10, 0, -1, 4, 2, 1.5, 0]
POINTS = np.array([[10, 0, 0, 0.5], [10.5, 0.2, 0, 0.5], [50, 0, 0, 0.1]])


def shifted(dx=0.0, turn=0.0):
    return [CAR[0] + dx, *CAR[1:6], turn]


def predicted(boxes, labels=None):
    return dict(boxes=np.array(boxes, float).reshape(-1, 7),
                scores=np.linspace(0.9, 0.5, len(boxes)),
                labels=np.zeros(len(boxes), int) if labels is None else np.array(labels))


def labeled(boxes, labels=None):
    found = predicted(boxes, labels)
    del found['scores']
    return found


@pytest.mark.parametrize(('box', 'label', 'kind'), [
    (shifted(0.1), 0, 'found'), (shifted(0.1, np.pi), 0, 'wrong heading'),
    (shifted(0.1), 1, 'wrong class'), (shifted(2.0), 0, 'misplaced'), (shifted(9.0), 0, 'false'),
    (shifted(2.0), 1, 'false')])
def test_one_detection_of_each_kind(box, label, kind):
    errors = frame_errors(predicted([box], [label]), labeled([CAR]), POINTS)
    assert errors.detections.tolist() == [kind]
    assert errors.gt.tolist() == [kind if kind in ('found', 'wrong heading') else 'missed']
    assert errors.mistakes == {'found': 0, 'wrong heading': 1}.get(kind, 2)
    assert errors.points.tolist() == [2]


@pytest.mark.parametrize(('degrees', 'kind'), [
    (60, 'found'), (-60, 'found'), (89, 'found'), (91, 'wrong heading'), (120, 'wrong heading'),
    (-120, 'wrong heading'), (300, 'found'), (240, 'wrong heading')])
def test_a_heading_is_wrong_from_a_quarter_turn(degrees, kind):
    square = [10, 0, -1, 3, 3, 1.5, 0]  # turned by any angle it still overlaps itself by more
    turned = [*square[:6], np.radians(degrees)]
    errors = frame_errors(predicted([turned]), labeled([square]), POINTS)
    assert errors.detections.tolist() == [kind]


def test_the_second_detection_of_an_object_is_a_duplicate():
    errors = frame_errors(predicted([CAR, shifted(0.1)]), labeled([CAR]), POINTS)
    assert errors.detections.tolist() == ['found', 'duplicate']
    assert errors.objects.tolist() == [0, 0]


def test_nothing_detected_and_nothing_labeled():
    assert frame_errors(predicted([]), labeled([CAR]), POINTS).count('missed') == 1
    errors = frame_errors(predicted([CAR]), labeled([]), POINTS)
    assert errors.detections.tolist() == ['false'] and errors.mistakes == 1
    assert frame_errors(predicted([]), labeled([]), POINTS[:0]).mistakes == 0


@pytest.fixture
def frames():
    far = [40, 0, -1, 9, 2, 1.5, 0]
    one = predicted([CAR, [20, 5, -1, 4, 2, 1.5, 0]]), labeled([CAR, far], [0, 1])
    two = predicted([far], [0]), labeled([far], [1])
    return [(*pair, frame_errors(*pair, POINTS)) for pair in (one, two)]


def test_parts_of_the_objects(frames):
    near, middle, far, _ = by_distance(frames, (0, 15, 30, 50, np.inf))
    assert (near.objects, near.recall, near.precision) == (1, 100, 100)
    assert (middle.objects, middle.detections, middle.precision) == (0, 1, 0)
    assert (far.objects, far.recall, far.precision) == (2, 0, 0)
    assert [item.objects for item in by_points(frames, (0, 1, 6, np.inf))] == [2, 1, 0]
    assert [item.objects for item in by_size(frames, (0, 2, 4, 6, np.inf))] == [0, 0, 1, 2]


def test_objects_that_go_far_are_told_every_25_meters_to_150():
    near, far = np.linspace(1, 90, 99), np.array([140.0])
    assert distance_edges([near, far]) == [0, 25, 50, 75, 100, 125, 150, np.inf]
    assert distance_edges([near]) == part_edges([near]) and distance_edges([]) == [0, np.inf]
    assert distance_edges([near, near, far]) == part_edges([near, near, far])   # one of 199


def test_parts_come_from_the_data():
    assert part_edges([np.linspace(0, 100, 401)], 4) == [0, 25, 50, 75, np.inf]
    assert part_edges([np.array([1.83, 1.84] * 20), np.array([4.2])], 3) == [0, 1.8, np.inf]
    assert part_edges([np.zeros(9)]) == part_edges([]) == [0, np.inf]


RULES = (MatchingRule('3D', 0.7), MatchingRule('distance', 2.0))


@pytest.mark.parametrize(('box', 'label', 'kind'), [
    (shifted(0.1), 0, 'found'), (shifted(1.0), 0, 'misplaced'), (shifted(1.9), 1, 'found'),
    (shifted(2.1), 1, 'misplaced'), (shifted(5.0), 1, 'false')])
def test_the_rule_of_the_class_decides(box, label, kind):
    errors = frame_errors(predicted([box], [label]), labeled([CAR], [label]), POINTS, rules=RULES)
    assert errors.detections.tolist() == [kind]


def test_what_the_benchmark_ignores_is_neither_right_nor_a_mistake():
    far = [40, 0, -1, 4, 2, 1.5, 0]
    van = [20, 5, -1, 4, 2, 1.5, 0]
    out = Ignored(np.array([far, van], float), np.zeros(2, int), np.array([0, 0, 0, 1], bool))
    pair = predicted([CAR, far, van, [60, 0, -1, 4, 2, 1.5, 0]]), labeled([CAR, far])
    errors = frame_errors(*pair, POINTS, ignored=out)
    assert errors.detections.tolist() == ['found', 'ignored', 'ignored', 'ignored']
    assert errors.gt.tolist() == ['found', 'ignored'] and errors.mistakes == 0
    frames = [(*pair, errors)]
    assert confusion(frames, 1).tolist() == [[1, 0], [0, 0]]
    assert by_distance(frames, (0, np.inf))[0].objects == 1


def test_an_ignored_object_of_another_class_excuses_nothing():
    out = Ignored(np.array([CAR], float), np.ones(1, int))
    assert frame_errors(predicted([CAR]), labeled([]), POINTS, ignored=out).detections == ['false']


def test_confusion(frames):
    assert confusion(frames, 2).tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]
