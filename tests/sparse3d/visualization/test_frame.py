from __future__ import annotations

import numpy as np

from sparse3d.visualization import Boxes, Frame
from sparse3d.visualization.frame import yaw_between


def test_detections_above_a_score_best_first():
    found = Boxes(np.arange(21.0).reshape(3, 7), np.array([0, 1, 2]), np.array([0.2, 0.5, 0.9]))
    kept = found.above(0.5)
    assert kept.labels.tolist() == [2, 1] and kept.boxes[0, 0] == 14 and len(kept) == 2
    assert len(found.above(1.0)) == 0
    truth = Boxes(np.zeros((2, 7)), np.zeros(2, int))
    assert truth.above(0.5) is truth


def test_names_and_summary():
    frame = Frame('000003', np.zeros((1234, 4)), ('Car',), Boxes(np.zeros((2, 7)), np.zeros(2)))
    assert frame.summary() == 'frame 000003  ·  1,234 points  ·  2 labeled'
    assert frame.class_name(0) == 'Car' and frame.class_name(-1) == 'class -1'


def test_the_turn_between_the_same_points_in_two_axes():
    frame = Frame('7', np.random.default_rng(0).normal(size=(30, 4)), ())
    turned = frame.turned(-np.pi / 2).points
    assert abs(yaw_between(frame.points, turned) % (2 * np.pi) - 1.5 * np.pi) < 1e-4
    assert yaw_between(frame.points[:0], frame.points[:0]) == 0
