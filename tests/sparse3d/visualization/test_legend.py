"""Labels and legend say what is wrong before they say what is right."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.visualization.canvas import CROSS, RING, Canvas
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import (
    label_text,
    labeled_rows,
    legend_lines,
    marked_rows,
    mistake_marks,
)
from sparse3d.visualization.style import Style


@pytest.fixture
def frame() -> Frame:
    made = np.array([[x, 0, -1.0, 4, 2, 1.6, 0] for x in (10.0, 20, 30)])
    return Frame('7', np.zeros((0, 4)), ('car', 'bicycle'),
                 Boxes(made, np.array([0, 0, 1]), kinds=np.array(
                     ['found', 'missed', 'wrong class'], object)),
                 Boxes(made[[2, 0]], np.zeros(2, int), np.array([0.9, 0.8]), kinds=np.array(
                     ['wrong class', 'found'], object)))


def texts(frame: Frame) -> list[str]:
    return [label_text(frame, boxes, row) for boxes, rows in labeled_rows(frame) for row in rows]


def test_mistakes_have_their_kind_in_front(frame):
    assert texts(frame) == ['wrong class: car 0.90', 'car 0.80', 'missed: car', 'bicycle, labeled']


def test_without_kinds_what_no_detection_is_near_is_labeled(frame):
    plain = replace(frame, ground_truth=replace(frame.ground_truth, kinds=None),
                    detections=replace(frame.detections, kinds=None))
    assert texts(plain) == ['car 0.90', 'car 0.80', 'car, labeled', 'bicycle, labeled']
    assert not any(len(rows) for _, rows, _ in mistake_marks(plain))
    assert not any('missed' in str(line.get_label()) for line in legend_lines(plain))


def test_marks_and_their_legend(frame):
    assert [(rows.tolist(), marker) for _, rows, marker in mistake_marks(frame)] == [
        ([1], RING), ([0], CROSS)]
    assert marked_rows(frame.ground_truth).tolist() == [1]
    lines = {str(line.get_label()): line.get_marker() for line in legend_lines(frame)}
    assert lines['1 missed'] == RING and lines['not right: 1 wrong class'] == CROSS


def test_no_mistakes_are_said_too(frame):
    right = replace(frame, ground_truth=replace(frame.ground_truth, kinds=np.full(3, 'found')),
                    detections=replace(frame.detections, kinds=np.full(2, 'found')))
    lines = [str(line.get_label()) for line in legend_lines(right)]
    assert '0 missed' in lines and 'not right: 0' in lines


def test_marks_are_drawn_inside_and_labels_keep_off():
    canvas = Canvas((200, 100), Style())
    before = canvas.array()
    canvas.marks(np.array([[50.0, 50], [500, 50]]), CROSS)
    changed = (canvas.array() != before).any(axis=-1)
    assert changed[42:59, 42:59].any() and not changed[:, 80:].any()
    assert (42.0, 42.0, 58.0, 58.0) in canvas.taken
    assert len(canvas.taken) == 1
