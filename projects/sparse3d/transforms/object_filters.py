"""Objects taken out of a sample together with everything that is said about them."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_geometry import points_in_each_box

# One row per object; those that a sample has are filtered together.
PER_OBJECT = ('gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d', 'gt_bboxes', 'gt_bboxes_labels',
              'attr_labels', 'centers_2d', 'depths', 'gt_names', 'gt_difficulties',
              'gt_track_ids', 'gt_pasted')


def keep_objects(results: dict, keep: np.ndarray) -> None:
    """Leave only some objects in a sample, in all of its fields alike.

    Args:
        results: a sample; changed in place.
        keep: (M,) bool.

    Raises:
        DataError: if a field does not have one row per object.
    """
    keep = np.asarray(keep, dtype=bool)
    present = [key for key in PER_OBJECT if key in results]
    for key in present:
        if len(results[key]) != len(keep):
            raise DataError(f'the sample has {len(keep)} objects but {len(results[key])} rows '
                            f'in {key}; an earlier transform dropped objects from only some fields')
    for key in present:
        results[key] = _rows(results[key], keep)


def _rows(values, keep: np.ndarray):
    if isinstance(values, np.ndarray):
        return values[keep]
    if isinstance(values, list):
        return [value for value, kept in zip(values, keep, strict=True) if kept]
    return values[torch.from_numpy(keep)]


@TRANSFORMS.register_module()
class KeepObjects(BaseTransform):
    """Drop objects that are of no use for training, with their keypoints and labels.

    Unlike mmdet3d's filters this one knows keypoints and attributes.

    Args:
        point_cloud_range: x, y, z from, x, y, z to, in meters: the center, in BEV,
            has to lie inside. None keeps all.
        classes: names of the classes in label order; labels outside 0..len-1 are dropped.
            None keeps all.
        min_points: fewest LiDAR points inside the box. Needs ``points`` if positive.

    Raises:
        ConfigError: if ``min_points`` is used without points.
    """

    def __init__(self, point_cloud_range: Sequence[float] | None = None,
                 classes: Sequence[str] | None = None, min_points: int = 0) -> None:
        self.point_cloud_range, self.min_points = point_cloud_range, min_points
        self.classes = None if classes is None else len(classes)

    def transform(self, results: dict) -> dict:
        """Filter one sample."""
        boxes = results['gt_bboxes_3d'].tensor.numpy()
        keep = np.ones(len(boxes), dtype=bool)
        if self.point_cloud_range is not None:
            low, high = np.float32(self.point_cloud_range).reshape(2, 3)[:, :2]
            keep &= ((boxes[:, :2] > low) & (boxes[:, :2] < high)).all(axis=1)
        if self.classes is not None:
            labels = np.asarray(results['gt_labels_3d'])
            keep &= (labels >= 0) & (labels < self.classes)
        if self.min_points:
            keep &= self._enough_points(results, boxes, keep)
        keep_objects(results, keep)
        return results

    def _enough_points(
        self, results: dict, boxes: np.ndarray, min_points: np.ndarray
    ) -> np.ndarray:
        if 'points' not in results:
            raise ConfigError('min_points of KeepObjects needs points: load them before it')
        points = results['points'].tensor.numpy()
        enough = min_points.copy()
        enough[min_points] = [len(rows) >= self.min_points
                              for rows in points_in_each_box(points, boxes[min_points])]
        return enough
