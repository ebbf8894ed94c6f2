"""Transform that reads a key frame's points together with those of earlier sweeps."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.transforms.given_arrays import EarlierSweeps, given_points
from sparse3d.transforms.named_columns import chosen_columns, column_names
from sparse3d.transforms.sweep_points import COLUMNS, NEAR_THE_CAR, merge_sweeps


@TRANSFORMS.register_module()
class LoadSweepPoints(BaseTransform):
    """Read the LiDAR points of now and of earlier sweeps, all in the LiDAR frame of now.

    Needs ``lidar_points``, ``timestamp`` and, if there are earlier sweeps, ``lidar_sweeps``
    (newest first), with absolute paths, or ``points`` with the columns that it would give
    (:mod:`sparse3d.transforms.given_arrays`); adds ``points``: x, y, z [m], intensity 0..255,
    age [s].

    Args:
        sweeps: how many earlier ones, the newest, beside the key frame; a sample that has fewer
            is a normal sample. The key frame is not counted, as in mmdet3d's ``sweeps_num``
            (10 in TransFusion-L and SparseFusion). det3d's ``nsweeps`` and OpenPCDet's
            ``MAX_SWEEPS`` count it: their 10 (CenterPoint, Focals Conv, DSVT) is 9 here.
        use: which of the five columns, in this order; x, y, z first.
        published_pad: where a sample has no earlier sweep at all (the first of a scene) repeat
            its own points ``sweeps`` times, without those near the car, as mmdet3d and
            det3d do.

    Raises:
        DataError: naming the file that is missing or damaged.
    """

    def __init__(self, sweeps: int = 10, use: Sequence[int] = tuple(range(COLUMNS)),
                 published_pad: bool = False) -> None:
        self.sweeps, self.use, self.published_pad = sweeps, list(use), published_pad
        self.point_columns = chosen_columns(column_names(COLUMNS), self.use)
        self.earlier_sweeps = EarlierSweeps(sweeps, NEAR_THE_CAR, published_pad)

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        points = self._read(results) if points is None else points
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results

    def _read(self, results: dict) -> np.ndarray:
        lidar = results['lidar_points']
        older = [(sweep['lidar_points']['lidar_path'], sweep['lidar_points']['lidar2sensor'],
                  results['timestamp'] - sweep['timestamp'])
                 for sweep in results.get('lidar_sweeps', ())[:self.sweeps]]
        if not older and self.published_pad:
            unmoved = [[float(row == column) for column in range(4)] for row in range(4)]
            older = [(lidar['lidar_path'], unmoved, 0.0)] * self.sweeps
        return merge_sweeps(lidar['lidar_path'], older)[:, self.use]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(sweeps={self.sweeps}, use={self.use})'
