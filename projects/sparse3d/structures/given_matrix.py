"""Matrices as a user gives them: taken, or refused in one sentence."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.plausible_detections import real_numbers


def given_matrix(value: Any, what: str) -> np.ndarray:
    """A pose, a camera's place or its projection as (4, 4) float64.

    Args:
        value: as the user gives it.
        what: its name, for the sentence.

    Raises:
        DataError: for another shape, NaN, or a last row that is not 0, 0, 0, 1.
    """
    matrix = real_numbers(value, what).astype(np.float64)
    if matrix.shape != (4, 4):
        raise DataError(f'{what} has the shape {matrix.shape}; (4, 4) is needed')
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise DataError(f'{what} holds NaN or cannot be inverted')
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        raise DataError(f'{what} has the last row {np.round(matrix[3], 3).tolist()}, not '
                        f'[0, 0, 0, 1]: it may be transposed')
    return matrix


def given_pose(value: Any, what: str) -> np.ndarray:
    """A rotation and a translation as (4, 4) float64.

    Raises:
        DataError: as :func:`given_matrix`, and for one that mirrors or changes lengths.
    """
    matrix = given_matrix(value, what)
    turning = matrix[:3, :3]
    if not np.allclose(turning @ turning.T, np.eye(3), atol=1e-2) or np.linalg.det(turning) < 0:
        raise DataError(f'{what} is no rotation and translation: it mirrors or changes lengths')
    return matrix


def camera_place(camera: Any) -> np.ndarray:
    """``lidar2cam`` (4, 4) of a camera that boxes were written with.

    Raises:
        DataError: if the camera has none, or it is no such matrix.
    """
    if not isinstance(camera, Mapping) or 'lidar2cam' not in camera:
        held = ', '.join(map(str, camera)) if isinstance(camera, Mapping) else \
            f'but is {type(camera).__name__}'
        raise DataError(f'the camera has no lidar2cam ({held or "it is empty"}); give a dict with '
                        f'lidar2cam (4, 4)')
    return given_pose(camera['lidar2cam'], 'lidar2cam of the camera')
