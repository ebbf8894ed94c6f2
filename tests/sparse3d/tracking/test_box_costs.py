"""Generalized IoU and center distances, by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.tracking.box_costs import center_distances, generalized_iou

CUBE = [0, 0, 0, 2, 2, 2, 0]


def moved(x=0., y=0., z=0., yaw=0.) -> np.ndarray:
    return np.array([[x, y, z, 2, 2, 2, yaw]], float)


def test_generalized_iou_by_hand():
    cube = np.array([CUBE], float)
    assert generalized_iou(cube, moved(yaw=np.pi / 2))[0, 0] == pytest.approx(1)
    assert generalized_iou(cube, moved(x=1))[0, 0] == pytest.approx(4 / 12)   # the hull is full
    assert generalized_iou(cube, moved(x=4))[0, 0] == pytest.approx(-8 / 24)  # a gap of a cube
    assert generalized_iou(cube, moved(z=4))[0, 0] == pytest.approx(-8 / 24)
    turned = 4 * (np.sqrt(2) - 1) * 2 * 2                                     # a regular octagon
    hull = 8 * np.sqrt(2)                                                     # x 2 m high
    union = 16 - turned
    assert generalized_iou(cube, moved(yaw=np.pi / 4))[0, 0] == pytest.approx(
        turned / union - (hull - union) / hull)


def test_pairs_that_are_not_wanted_and_no_boxes():
    cube = np.array([CUBE], float)
    assert generalized_iou(cube, cube, np.array([[False]]))[0, 0] == -1
    assert generalized_iou(cube[:0], cube).shape == (0, 1)


def test_distances_are_in_bev():
    assert center_distances(moved(x=3, z=8), moved(y=4))[0, 0] == 5
