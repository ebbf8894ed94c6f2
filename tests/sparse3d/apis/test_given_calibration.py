"""Calibrations given to a detector: every wrong one is a sentence, none is a silent picture."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.apis.given_calibration import camera_matrices, refuse_odd_calibration
from sparse3d.errors import DataError

AHEAD = np.tile(np.array([[0, -1, 0, 0], [0, 0, -1, 1], [1, 0, 0, 0], [0, 0, 0, 1.0]]), (2, 1, 1))
INSIDE = np.tile(np.array([[100, 0, 80], [0, 100, 45], [0, 0, 1.0]]), (2, 1, 1))
GOOD = dict(lidar2cam=AHEAD, cam2img=INSIDE)


def take(calibration, seen=(True, True)):
    refuse_odd_calibration(calibration)
    return camera_matrices(calibration, seen)


def test_good_ones_are_filled_up_and_multiplied():
    found = take(dict(lidar2cam=AHEAD[:, :3], cam2img=INSIDE.tolist(), timestamps=[0, 0.1]))
    expected = np.eye(4)
    expected[:3] = INSIDE[0] @ AHEAD[0, :3]
    np.testing.assert_allclose(found['lidar2img'], [expected, expected])
    np.testing.assert_allclose(take(dict(lidar2img=[expected, expected]))['lidar2img'][1], expected)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(lidar2cam=AHEAD * np.nan), 'of image 0 holds NaN'),
    (dict(cam2img=INSIDE * [[[1]], [[0]]]), 'of image 1 holds NaN or cannot be inverted'),
    (dict(lidar2cam=AHEAD.transpose(0, 2, 1)), 'may be transposed'),
    (dict(cam2img=INSIDE.transpose(0, 2, 1)), 'may be transposed'),
    (dict(lidar2cam=AHEAD[:, :3, :3]), r'shape \(2, 3, 3\); \(2, 4, 4\) or \(2, 3, 4\)'),
    (dict(lidar2cam=AHEAD[0]), r'shape \(4, 4\); \(2, 4, 4\)'),
    (dict(cam2img=np.zeros((2, 5, 5))), r'shape \(2, 5, 5\)'),
    (dict(lidar2cam=AHEAD * [[-1], [1], [1], [1]]), 'mirrors or changes lengths'),
    (dict(lidar2cam=AHEAD * [[2], [2], [2], [1]]), 'mirrors or changes lengths'),
    (dict(cam2img='a.yaml'), 'is no array of numbers'),
    (dict(timestamps=['now', 'then']), "'timestamps'. is no array of numbers"),
    (dict(lidar2camera=AHEAD), "nobody reads 'lidar2camera'"),
])
def test_what_cannot_be_meant_is_named(change, message):
    with pytest.raises(DataError, match=message):
        take({**GOOD, **change})


def test_what_is_absent_is_named():
    with pytest.raises(DataError, match='neither lidar2img nor lidar2cam and .*, but cam2lidar'):
        take(dict(cam2lidar=AHEAD))
    with pytest.raises(DataError, match='the calibration is list; give a dict'):
        take([AHEAD])


def test_a_camera_that_delivered_nothing_may_have_any_matrix():
    broken = AHEAD.copy()
    broken[1] = 0
    assert take(dict(GOOD, lidar2cam=broken), (True, False))['lidar2img'].shape == (2, 4, 4)
