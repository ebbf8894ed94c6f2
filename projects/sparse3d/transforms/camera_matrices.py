"""Calibrations through which no point is seen are refused, for cameras of every data set."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sparse3d.errors import DataError

LEAST_DETERMINANT = 1e-9
MATRICES = ('lidar2cam', 'cam2img', 'lidar2img')


def refuse_useless_cameras(names: Sequence[str], matrices: Mapping[str, np.ndarray]) -> None:
    """Refuse matrices that are not finite or cannot be inverted: a model would learn from none.

    Args:
        names: (N,) of the pictures, for the error.
        matrices: by name (lidar2cam, cam2img): (N, 3, 3 or 4), the first three rows of each.

    Raises:
        DataError: naming the first picture, and which matrix it is.
    """
    for what, values in matrices.items():
        finite = np.isfinite(values).all(axis=(1, 2))
        part = np.where(finite[:, None, None], values, 0)[:, :, :3]
        useless = ~(np.abs(np.linalg.det(part)) > LEAST_DETERMINANT)
        if useless.any():
            raise DataError(f'the {what} of {names[int(np.flatnonzero(useless)[0])]} is singular '
                            f'or not finite, so nothing projects into it; prepare the data again '
                            f'with its calibration')


def refuse_useless_entries(entries: Iterable[Mapping[str, Any]]) -> None:
    """The same for the pictures of an info file; matrices of cameras without one are not used.

    Raises:
        DataError: naming the first picture; or for a matrix of another shape.
    """
    found: dict[str, tuple[list[str], list[np.ndarray]]] = {name: ([], []) for name in MATRICES}
    for entry in entries:
        for image in (entry.get('images') or {}).values():
            if isinstance(image, Mapping) and image.get('img_path'):
                for what, (names, values) in found.items():
                    if image.get(what) is not None:
                        names.append(str(image['img_path']))
                        values.append(_top(image[what], what, names[-1]))
    for what, (names, values) in found.items():
        if names:
            refuse_useless_cameras(names, {what: np.array(values)})


def _top(values: Any, what: str, name: str) -> np.ndarray:
    """The upper left (3, 3), NaN if anything of the matrix is not finite."""
    try:
        matrix = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f'the {what} of {name} is no matrix of numbers') from error
    if matrix.shape not in ((3, 3), (3, 4), (4, 4)):
        raise DataError(f'the {what} of {name} has the shape {matrix.shape}, not (3, 3), (3, 4) '
                        f'or (4, 4)')
    return matrix[:3, :3] if np.isfinite(matrix).all() else np.full((3, 3), np.nan)
