"""Annotated objects of a nuScenes sample as arrays, and velocities that nobody knows."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.structures.box_conversions import center_to_lidar

BOX_KEY = 'gt_bboxes_3d'
OBJECTS = ('lidar', 'lidar_or_radar', 'all')


def object_arrays(instances: Sequence[Mapping], label_mapping: Mapping[int, int], objects: str,
                  unknown_velocities: str) -> dict[str, np.ndarray]:
    """The annotations of a sample that are ground truth.

    Args:
        instances: of an info file, boxes with geometric centers.
        label_mapping: label of the file to label of the model, -1 for neither.
        objects: one of ``OBJECTS``.
        unknown_velocities: ``'zero'`` or ``'nan'``.

    Returns:
        ``gt_bboxes_3d`` (M, 9) float32 with bottom centers, ``gt_labels_3d`` (M,) int64,
        ``num_lidar_pts``, ``attr_labels`` (M,) int64, ``instance_tokens`` (M,) text.
    """
    kept = [item for item in instances
            if label_mapping.get(item['bbox_label_3d'], -1) >= 0 and _counts(item, objects)]
    boxes = np.array([[*item['bbox_3d'][:7], *item['velocity'][:2]] for item in kept],
                     dtype=np.float64).reshape(-1, 9)
    if unknown_velocities == 'zero':
        boxes[:, 7:] = np.nan_to_num(boxes[:, 7:])
    labels = [label_mapping[item['bbox_label_3d']] for item in kept]
    return dict(
        gt_bboxes_3d=center_to_lidar(boxes).astype(np.float32),
        gt_labels_3d=np.array(labels, dtype=np.int64),
        num_lidar_pts=np.array([item['num_lidar_pts'] for item in kept], dtype=np.int64),
        attr_labels=np.array([item.get('attr_label', -1) for item in kept], dtype=np.int64),
        instance_tokens=np.array([item.get('instance_token', '') for item in kept], dtype=str))


def _counts(item: Mapping, objects: str) -> bool:
    if objects == 'all':
        return True
    radar = item.get('num_radar_pts', 0) if objects == 'lidar_or_radar' else 0
    return item['num_lidar_pts'] + radar > 0


@TRANSFORMS.register_module()
class MarkUnknownVelocities(BaseTransform):
    """Tell known velocities from unknown ones: the last step before packing.

    Boxes carry NaN where a velocity is unknown. Adds ``gt_velocity_known`` (M,) bool and
    makes these velocities 0; a head leaves them out of its loss where the mask is False.
    """

    def transform(self, results: dict) -> dict:
        """Mark and replace the velocities of one sample."""
        boxes = results[BOX_KEY].tensor
        known = torch.isfinite(boxes[:, 7:]).all(dim=1)
        boxes[:, 7:] = torch.where(known[:, None], boxes[:, 7:], torch.zeros(()))
        results['gt_velocity_known'] = known.numpy()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
