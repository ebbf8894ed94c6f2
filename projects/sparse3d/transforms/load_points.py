"""Transform that reads a sample's point cloud."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.transforms.point_files import load_points


@TRANSFORMS.register_module()
class LoadPoints(BaseTransform):
    """Read the LiDAR points of a sample, checking size, columns, checksum and NaN.

    Needs ``lidar_points.lidar_path``; adds ``points`` (``LiDARPoints``).

    Args:
        columns: numbers per point in the file.
        use: which of them to keep, in this order; x, y, z first. All by default.

    Raises:
        DataError: see :func:`sparse3d.transforms.point_files.load_points`.
    """

    def __init__(self, columns: int = 4, use: Sequence[int] | None = None) -> None:
        self.columns = columns
        self.use = list(use) if use is not None else None

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        path = Path(results['lidar_points']['lidar_path'])
        contents = results['lidar_points'].get('contents', {}).get(path.parent.name)
        points = load_points(path, self.columns, contents)  # [N, columns]
        if self.use is not None:
            points = points[:, self.use]
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns}, use={self.use})'
