"""A Kalman filter over many boxes at once: constant velocity, any time between frames.

The state of a box is the box itself (x, y, z_bottom, dx, dy, dz, yaw, vx, vy), in the world, so
what is measured is the state. Written here because the kept libraries do not fit: ``filterpy``
filters one object at a time with matrices that the caller has to replace at every irregular step,
and needs matplotlib; ``norfair`` filters points of pictures inside a tracker of its own, which
counts frames where sensors have times.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparse3d.structures.box_conversions import wrap_angle
from sparse3d.tracking.class_motion import ClassMotion

_X, _Z, _SIZE, _YAW, _VELOCITY = slice(0, 2), 2, slice(3, 6), 6, slice(7, 9)
_SIZE_DRIFT = 0.05     # of a size, in a second [m]
_HEIGHT_DRIFT = 0.5    # of z on slopes, in a second [m]
_IGNORED = 1e9         # variance of what is not measured


def start(boxes: np.ndarray, motions: Sequence[ClassMotion]) -> tuple[np.ndarray, np.ndarray]:
    """Means (N, 9) and covariances (N, 9, 9) of boxes (N, 9) that are new."""
    variances = _measured(boxes, motions)
    unknown = np.isnan(boxes)
    speeds = np.array([motion.speed for motion in motions]).reshape(-1, 1)
    variances = np.where(unknown, speeds ** 2, variances)
    return np.where(unknown, 0, boxes), variances[:, :, None] * np.eye(9)


def predict(mean: np.ndarray, covariance: np.ndarray, seconds: float,
            motions: Sequence[ClassMotion]) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances a time later."""
    transition = np.eye(9)
    transition[[0, 1], [7, 8]] = seconds
    mean = mean @ transition.T
    mean[:, _YAW] = wrap_angle(mean[:, _YAW])
    acceleration = np.array([motion.acceleration for motion in motions]) ** 2
    turn = np.array([motion.turn_rate for motion in motions]) ** 2
    noise = np.zeros_like(covariance)
    for place, speed in ((0, 7), (1, 8)):
        noise[:, place, place] = acceleration * seconds ** 4 / 4
        noise[:, place, speed] = noise[:, speed, place] = acceleration * seconds ** 3 / 2
        noise[:, speed, speed] = acceleration * seconds ** 2
    noise[:, _Z, _Z] = (_HEIGHT_DRIFT * seconds) ** 2
    noise[:, [3, 4, 5], [3, 4, 5]] = _SIZE_DRIFT ** 2 * seconds
    noise[:, _YAW, _YAW] = turn * seconds ** 2
    return mean, transition @ covariance @ transition.T + noise


def correct(mean: np.ndarray, covariance: np.ndarray, boxes: np.ndarray,
            motions: Sequence[ClassMotion]) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances after boxes (N, 9) were measured; unknown velocities are NaN.

    A box that looks the other way round is turned: detectors take front for back.
    """
    variances = _measured(boxes, motions)
    difference = np.where(np.isnan(boxes), 0, boxes - mean)
    turn = wrap_angle(difference[:, _YAW])
    difference[:, _YAW] = np.where(np.abs(turn) > np.pi / 2, wrap_angle(turn + np.pi), turn)
    total = covariance + variances[:, :, None] * np.eye(9)
    # K = P S^-1; both are symmetric.
    gain = np.linalg.solve(total, covariance).transpose(0, 2, 1)
    mean = mean + (gain @ difference[:, :, None])[:, :, 0]
    mean[:, _YAW] = wrap_angle(mean[:, _YAW])
    mean[:, _SIZE] = np.maximum(mean[:, _SIZE], 0.01)
    covariance = covariance - gain @ covariance
    return mean, (covariance + covariance.transpose(0, 2, 1)) / 2


def _measured(boxes: np.ndarray, motions: Sequence[ClassMotion]) -> np.ndarray:
    """Variances (N, 9) of what is measured of boxes."""
    std = np.array([[motion.center_std] * 3 + [motion.size_std] * 3 + [motion.yaw_std]
                    + [motion.velocity_std] * 2 for motion in motions]).reshape(-1, 9)
    return np.where(np.isnan(boxes), _IGNORED, std ** 2)
