"""Matrices of cameras as a user gives them to a detector: taken, or refused before they mislead."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.given_arrays import MATRICES

_KEYS = (*MATRICES, 'timestamps', 'lidar2global')
_SHAPES = {'lidar2img': ((3, 4), (4, 4)), 'lidar2cam': ((3, 4), (4, 4)),
           'cam2img': ((3, 3), (3, 4), (4, 4))}


def refuse_odd_calibration(calibration: Any) -> None:
    """Raise unless it is a dict of keys that somebody reads, with times that are numbers.

    Raises:
        DataError: naming the key.
    """
    if not isinstance(calibration, Mapping):
        raise DataError(f'the calibration is {type(calibration).__name__}; give a dict with '
                        f'lidar2img, or cam2img and lidar2cam')
    if not {'lidar2img'} <= set(calibration) and not {'lidar2cam', 'cam2img'} <= set(calibration):
        raise DataError(f'the calibration has neither lidar2img nor lidar2cam and cam2img, but '
                        f'{", ".join(map(str, calibration)) or "nothing"}')
    unknown = [key for key in calibration if key not in _KEYS]
    if unknown:
        raise DataError(f'nobody reads {unknown[0]!r} of the calibration; there are '
                        f'{", ".join(_KEYS)}')
    if 'timestamps' in calibration:
        _numbers(calibration['timestamps'], 'timestamps')


def camera_matrices(calibration: Mapping[str, Any], seen: Sequence[bool]) -> dict[str, np.ndarray]:
    """The matrices of each image, filled up to (V, 4, 4), ``lidar2img`` among them.

    Args:
        calibration: ``lidar2img`` (V, 3|4, 4), or ``cam2img`` (V, 3|4, 3|4) and ``lidar2cam``
            (V, 3|4, 4).
        seen: whether each camera delivered an image; matrices of others are not looked at.

    Raises:
        DataError: for another shape, NaN, and matrices that are singular, transposed or mirror.
    """
    found, count = {}, len(seen)
    for name in MATRICES:
        if name not in calibration:
            continue
        matrices, what = _numbers(calibration[name], name), f'calibration[{name!r}]'
        if matrices.ndim != 3 or len(matrices) != count or matrices.shape[1:] not in _SHAPES[name]:
            wanted = ' or '.join(str((count, *shape)) for shape in _SHAPES[name][::-1])
            raise DataError(f'{what} has the shape {matrices.shape}; {wanted} is needed')
        square = np.tile(np.eye(4), (count, 1, 1))
        square[:, :matrices.shape[1], :matrices.shape[2]] = matrices
        for view in np.flatnonzero(seen):
            _refuse_odd(square[view], name, f'{what} of image {view}')
        found[name] = square
    if 'lidar2img' not in found:
        found['lidar2img'] = found['cam2img'] @ found['lidar2cam']
    return found


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f'calibration[{name!r}] is no array of numbers ({str(error)[:80]})'
                        ) from error


def _refuse_odd(matrix: np.ndarray, name: str, what: str) -> None:
    turning = matrix[:3, :3]
    if not np.isfinite(matrix).all() or abs(np.linalg.det(turning)) < 1e-9:
        raise DataError(f'{what} holds NaN or cannot be inverted')
    rows = [(matrix[3], [0, 0, 0, 1])]
    if name == 'cam2img':
        rows.append((matrix[2, :3], [0, 0, matrix[2, 2]]))  # may be scaled
    for row, wanted in rows:
        if not np.allclose(row, wanted, atol=1e-6):
            raise DataError(f'{what} has the row {np.round(row, 3).tolist()}, not '
                            f'{np.round(wanted, 3).tolist()}: it may be transposed')
    if name == 'lidar2cam' and not (np.allclose(turning @ turning.T, np.eye(3), atol=1e-2)
                                    and np.linalg.det(turning) > 0):
        raise DataError(f'{what} is no rotation and translation: it mirrors or changes lengths; '
                        f'cameras have x right, y down, z forward')
