"""Places of points alone, whatever else a file or an array has of them."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.column_count import likely_columns
from sparse3d.transforms.given_arrays import given_points
from sparse3d.transforms.named_columns import AXES
from sparse3d.transforms.npy_files import read_npy
from sparse3d.transforms.number_type import refuse_other_numbers
from sparse3d.transforms.point_files import read_bytes

_MOST_COLUMNS = 20  # of a table of points
USUAL_COLUMNS = 4  # of a raw file that does not show how many it has


def read_xyz(path: str | os.PathLike) -> np.ndarray:
    """x, y, z [N, 3] float32 of a cloud of any format and any number of columns.

    A raw ``.bin`` does not say how many numbers a point has; its numbers show it
    (:func:`~sparse3d.transforms.column_count.likely_columns`).

    Raises:
        DataError: as :func:`~sparse3d.transforms.cloud_files.read_cloud`, and for rows that hold
            the x, the y and the z of all points.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == '.bin':
        content = read_bytes(path)
        refuse_other_numbers(content, path)
        if len(content) % 4 == 0:
            numbers = np.frombuffer(content, '<f4')
            expected = next((count for count in (USUAL_COLUMNS, 5, 3, 6)
                             if len(numbers) % count == 0), USUAL_COLUMNS)
            return np.ascontiguousarray(read_cloud(path, likely_columns(numbers, expected))[:, :3])
    if suffix == '.npy':
        table = read_npy(read_bytes(path), path)
        if table.dtype.names is None and table.ndim == 2 and table.shape[1] > 3:
            refuse_transposed(table.shape, path)
            return np.ascontiguousarray(read_cloud(path, table.shape[1])[:, :3])
    return read_cloud(path, 3)


def refuse_transposed(shape: Sequence[int], where: str | os.PathLike) -> None:
    """Refuse a table of points whose rows are columns, where any number of columns is taken.

    Raises:
        DataError: for a few rows of many numbers.
    """
    rows, columns = shape
    if len(AXES) <= rows <= _MOST_COLUMNS < columns:
        raise DataError(f'{where} has the shape ({rows}, {columns}): it is transposed, a row has '
                        f'to be a point; give points.T')


@TRANSFORMS.register_module()
class LoadXYZPoints(BaseTransform):
    """Read x, y, z of a cloud; intensity, rings and times stay behind.

    For models that shall not depend on what a sensor calls intensity. Needs
    ``lidar_points.lidar_path``, or ``points``; adds ``points`` (``LiDARPoints`` of three numbers).

    Raises:
        DataError: see :func:`read_xyz`.
    """

    point_columns = AXES

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        if points is None:
            if 'lidar_points' not in results:
                raise DataError(f'the frame {results.get("frame_name")} has no cloud to load')
            points = read_xyz(results['lidar_points']['lidar_path'])
        points = points[np.isfinite(points).all(axis=1)]
        results['points'] = LiDARPoints(points, points_dim=3)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
