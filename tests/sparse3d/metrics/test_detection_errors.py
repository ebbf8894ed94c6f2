"""Every kind of mistake, by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics.detection_errors import (
    by_distance,
    by_points,
    by_size,
    confusion,
    frame_errors,
    precision_recall,
)

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
    near, middle, far, _ = by_distance(frames)
    assert (near.objects, near.recall, near.precision) == (1, 100, 100)
    assert (middle.objects, middle.detections, middle.precision) == (0, 1, 0)
    assert (far.objects, far.recall, far.precision) == (2, 0, 0)
    assert [item.objects for item in by_points(frames)] == [2, 1, 0, 0, 0]
    assert [item.objects for item in by_size(frames)] == [0, 0, 1, 2]


def test_confusion(frames):
    assert confusion(frames, 2).tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]


def test_the_curve_of_a_class(frames):
    recall, precision, scores = precision_recall(frames, 0)
    assert scores.tolist() == [0.9, 0.9, 0.5]
    assert recall.tolist() == [1, 1, 1] and precision.tolist() == [1, 0.5, pytest.approx(1 / 3)]
