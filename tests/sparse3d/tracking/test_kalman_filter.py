"""The filter over many boxes against filterpy's over one, and by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.tracking import kalman_filter
from sparse3d.tracking.class_motion import CLASS_MOTIONS

CAR = CLASS_MOTIONS['car']
BOX = np.array([[10., 2, -1, 4.5, 1.9, 1.6, .3, np.nan, np.nan]])


def test_equals_filterpy_step_by_step():
    kalman = pytest.importorskip('filterpy.kalman', reason='the judge is filterpy, in the test '
                                 'extra (pip install filterpy)')
    rng = np.random.default_rng(0)
    mean, covariance = kalman_filter.start(BOX, [CAR])
    one = kalman.KalmanFilter(dim_x=9, dim_z=9)
    one.x, one.P, one.H = mean[0].copy(), covariance[0].copy(), np.eye(9)
    for step in rng.uniform(.1, 1, 6):
        forward = np.eye(9)
        forward[0, 7] = forward[1, 8] = step
        before = covariance
        mean, covariance = kalman_filter.predict(mean, covariance, step, [CAR])
        one.predict(F=forward, Q=covariance[0] - forward @ before[0] @ forward.T)
        box = BOX + np.append(rng.normal(0, .1, 7), [np.nan, np.nan])
        known = np.where(np.isnan(box), 0, box)[0]
        noise = np.diag(kalman_filter._measured(box, [CAR])[0])
        one.update(np.where(np.isnan(box[0]), one.x, known), R=noise)
        mean, covariance = kalman_filter.correct(mean, covariance, box, [CAR])
        np.testing.assert_allclose(mean[0], one.x, atol=1e-6)
        np.testing.assert_allclose(covariance[0], one.P, atol=1e-6)


def test_a_velocity_is_found_over_uneven_steps():
    mean, covariance = kalman_filter.start(BOX, [CAR])
    before = 0.0
    for time in (.5, .6, 1.4, 1.5, 2.5, 3.0):
        mean, covariance = kalman_filter.predict(mean, covariance, time - before, [CAR])
        box = BOX.copy()
        box[0, :2] += [4 * time, -2 * time]
        mean, covariance = kalman_filter.correct(mean, covariance, box, [CAR])
        before = time
    np.testing.assert_allclose(mean[0, 7:], [4, -2], atol=.3)
    assert (np.linalg.eigvalsh(covariance[0]) > 0).all()


def test_a_box_that_looks_backwards_is_turned():
    mean, covariance = kalman_filter.start(BOX, [CAR])
    back = BOX.copy()
    back[0, 6] += np.pi
    mean, _ = kalman_filter.correct(mean, covariance, back, [CAR])
    assert mean[0, 6] == pytest.approx(.3)


def test_a_step_of_nothing_changes_nothing():
    mean, covariance = kalman_filter.start(BOX, [CAR])
    same, also = kalman_filter.predict(mean, covariance, 0.0, [CAR])
    np.testing.assert_allclose(same, mean, atol=1e-12)
    np.testing.assert_allclose(also, covariance, atol=1e-12)
