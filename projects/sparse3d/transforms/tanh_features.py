"""Transform that brings unbounded point features into -1..1."""
from __future__ import annotations

from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TanhFeatures(BaseTransform):
    """Put columns of ``points`` through tanh, for instance Waymo's intensity.

    Put it behind ground-truth sampling, whose objects have the raw values.

    Args:
        columns: which; 3 is the first behind x, y, z.

    Source: OpenPCDet's reader of Waymo.
    """

    def __init__(self, columns: Sequence[int] = (3,)) -> None:
        self.columns = list(columns)

    def transform(self, results: dict) -> dict:
        """Change ``points``."""
        points = results['points']
        points.tensor[:, self.columns] = points.tensor[:, self.columns].tanh()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns})'
