"""Training on a part of the scene, mostly around somebody."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.datasets.object_filters import keep_objects


@TRANSFORMS.register_module()
class CropAroundPerson(BaseTransform):
    """Keep a square of the scene: steps cost a fraction, and most of them see people.

    The model has no fixed size and is used on whole scenes. Needs and changes ``points`` and
    the objects (``gt_bboxes_3d`` with all that belongs to them).

    Args:
        side: length of the square in metres.
        around: share of the squares that hold a person, anywhere inside; the others lie around
            a random point of the scene, with or without people.
    """

    def __init__(self, side: float = 12.8, around: float = 0.8) -> None:
        self.side, self.around = side, around

    def transform(self, results: dict) -> dict:
        """Crop one sample."""
        points = results['points'].tensor.numpy()
        boxes = results['gt_bboxes_3d'].tensor.numpy()
        near = boxes if len(boxes) and np.random.rand() < self.around else points
        if not len(near):
            return results
        centre = near[np.random.randint(len(near)), :2]
        low = centre - self.side * np.random.uniform(0.1, 0.9, 2)
        results['points'] = results['points'][self._inside(points, low)]
        keep_objects(results, self._inside(boxes, low))
        return results

    def _inside(self, rows: np.ndarray, low: np.ndarray) -> np.ndarray:
        return ((rows[:, :2] >= low) & (rows[:, :2] < low + self.side)).all(axis=1)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(side={self.side}, around={self.around})'
