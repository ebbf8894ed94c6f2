"""mmdet3d's own KITTI evaluation on a machine without a GPU."""
from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from mmdet3d.evaluation.functional import kitti_utils

from sparse3d.compat import rotated_iou as repaired


@pytest.fixture
def upstream(monkeypatch):
    """mmdet3d as installed; what was there comes back afterwards."""
    monkeypatch.setitem(sys.modules, repaired.MODULE, None)
    del sys.modules[repaired.MODULE]
    monkeypatch.delattr(kitti_utils, 'rotate_iou', raising=False)


def cars(number=50):
    """Annotations of one frame with cars at random places of a camera's view."""
    random = np.random.default_rng(0)
    corner = random.uniform(0, 300, (number, 2))
    return dict(
        name=np.array(['Car'] * number), truncated=np.zeros(number),
        occluded=np.zeros(number, int), alpha=np.zeros(number), score=random.random(number),
        bbox=np.hstack([corner, corner + random.uniform(50, 90, (number, 2))]),
        dimensions=np.tile([4.0, 1.5, 1.8], (number, 1)),
        location=random.uniform([-20, 1, 5], [20, 2, 60], (number, 3)),
        rotation_y=random.uniform(-math.pi, math.pi, number))


@pytest.mark.skipif(torch.cuda.is_available(), reason='fails only without a GPU driver')
def test_upstream_needs_a_gpu(upstream):
    from mmdet3d.evaluation.functional.kitti_utils.eval import bev_box_overlap
    with pytest.raises(Exception, match='(?i)cuda|driver'):
        bev_box_overlap(np.zeros((1, 5)), np.zeros((1, 5)))


def test_ground_truth_scores_itself_up_to_the_cap(upstream):
    repaired.apply_patch()
    truth = cars(30)
    _, scores = kitti_utils.kitti_eval([truth], [truth], ['Car'])
    assert scores['KITTI/Car_BEV_AP40_moderate_strict'] == pytest.approx(29 / 40 * 100)
    assert scores['KITTI/Car_3D_AP40_moderate_strict'] == pytest.approx(29 / 40 * 100)


@pytest.mark.parametrize('criterion, expected', [(-1, 2 / 14), (0, 2 / 12), (1, 2 / 4), (2, 2)])
def test_criteria(criterion, expected):
    small = np.array([[0.0, 0.0, 2.0, 2.0, math.pi]])
    large = np.array([[2.0, 0.0, 6.0, 2.0, 0.0], [20.0, 0.0, 6.0, 2.0, 0.0]])
    large[0, 0] = 3.0  # common: 1 m x 2 m
    overlap = repaired.rotate_iou_gpu_eval(small, large, criterion)
    assert overlap.dtype == np.float32
    np.testing.assert_allclose(overlap, [[expected, 0.0]], atol=1e-6)


def test_angles_turn_clockwise():
    """A box turned by 45 degrees in camera axes holds points along (1, -1)."""
    long_box = np.array([[0.0, 0.0, 10.0, 1.0, math.pi / 4]])
    probes = np.array([[3.0, -3.0, 0.1, 0.1, 0.0], [3.0, 3.0, 0.1, 0.1, 0.0]])
    overlap = repaired.rotate_iou_gpu_eval(long_box, probes, 2)
    np.testing.assert_allclose(overlap, [[0.01, 0.0]], atol=1e-7)


def test_no_boxes():
    assert repaired.rotate_iou_gpu_eval(np.zeros((0, 5)), np.zeros((3, 5))).shape == (0, 3)


def test_repairing_twice_is_repairing_once(upstream):
    repaired.apply_patch()
    module = sys.modules[repaired.MODULE]
    repaired.apply_patch()
    assert sys.modules[repaired.MODULE] is module is kitti_utils.rotate_iou
