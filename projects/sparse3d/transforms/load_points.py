"""Transform that reads a sample's point cloud."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.transforms.given_arrays import given_points
from sparse3d.transforms.named_columns import chosen_columns, column_names
from sparse3d.transforms.point_files import load_points


@TRANSFORMS.register_module()
class LoadPoints(BaseTransform):
    """Read the LiDAR points of a sample, checking size, columns, checksum and NaN.

    Needs ``lidar_points.lidar_path``, or ``points`` with the columns that it would give
    (:mod:`sparse3d.transforms.given_arrays`); adds ``points`` (``LiDARPoints``).

    Args:
        columns: numbers per point in the file.
        use: which of them to keep, in this order; x, y, z first. All by default.

    Raises:
        DataError: see :func:`sparse3d.transforms.point_files.load_points`.
    """

    def __init__(self, columns: int = 4, use: Sequence[int] | None = None) -> None:
        self.columns = columns
        self.use = list(use) if use is not None else None
        self.point_columns = chosen_columns(column_names(columns), self.use)

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        points = self._read(results) if points is None else points
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results

    def _read(self, results: dict) -> np.ndarray:
        path = Path(results['lidar_points']['lidar_path'])
        contents = results['lidar_points'].get('contents', {}).get(path.parent.name)
        points = load_points(path, self.columns, contents)  # [N, columns]
        return points if self.use is None else points[:, self.use]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns}, use={self.use})'
