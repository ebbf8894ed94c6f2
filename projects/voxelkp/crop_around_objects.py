"""Training on the parts of a scene where people are."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

CELL = 0.2       # meters; crops are kept cell by cell
OFF_CENTER = 0.125  # of the side, how far people stand from the middle of their crop


@TRANSFORMS.register_module()
class CropAroundObjects(BaseTransform):
    """Leave only the points in square crops around people, and in some crops elsewhere.

    The same people for a fraction of the voxels: most of a scene is ground. The model has no
    fixed size and is used on whole scenes. Needs ``points`` and ``gt_bboxes_3d``; changes
    ``points`` alone.

    Args:
        side: of a crop in meters.
        elsewhere: crops around random points of the scene, as a share of the number of
            people; one at least.
    """

    def __init__(self, side: float = 3.2, elsewhere: float = 0.5) -> None:
        self.side, self.elsewhere = side, elsewhere

    def transform(self, results: dict) -> dict:
        """Thin one sample out."""
        points = results['points'].tensor[:, :2].numpy()
        people = results['gt_bboxes_3d'].tensor[:, :2].numpy()
        if not len(points):
            return results
        shifts = self.side * np.random.uniform(-OFF_CENTER, OFF_CENTER, people.shape)
        more = max(1, round(self.elsewhere * len(people)))
        others = points[np.random.randint(len(points), size=more)]
        kept = in_crops(points, np.concatenate([people + shifts, others]), self.side)
        results['points'] = results['points'][kept]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(side={self.side}, elsewhere={self.elsewhere})'


def in_crops(points: np.ndarray, centers: np.ndarray, side: float) -> np.ndarray:
    """Whether points (N, 2) lie in a square around any of the centers (M, 2), to a cell."""
    low = points.min(axis=0)
    cells = ((points - low) / CELL).astype(int)
    size = cells.max(axis=0) + 1
    first = np.round((centers - side / 2 - low) / CELL).astype(int)
    last = np.clip(first + round(side / CELL), 0, size)
    wanted = np.zeros(size, dtype=bool)
    for (left, bottom), (right, top) in zip(first.clip(0), last, strict=True):
        wanted[left:right, bottom:top] = True
    return wanted[cells[:, 0], cells[:, 1]]
