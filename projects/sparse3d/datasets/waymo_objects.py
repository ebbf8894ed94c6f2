"""Objects of a Waymo info file as the arrays of one sample."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.structures.keypoints import JOINTS, Keypoints3D


def object_arrays(instances: Sequence[Mapping], labels: Sequence[int],
                  with_velocity: bool = False) -> dict[str, Any]:
    """What a sample knows of its M objects; see ``WaymoDetectionDataset``.

    Args:
        instances: entries of ``instances``; only ``bbox_3d`` has to be there.
        labels: class number of each.
        with_velocity: append vx, vy to the boxes, 0 where it is unknown.
    """
    boxes = box_table(instances)
    if with_velocity:
        unknown = (np.nan, np.nan)
        velocity = [item.get('velocity', unknown) for item in instances]
        velocity = np.array(velocity, dtype=np.float32).reshape(-1, 2)
        boxes = np.concatenate([boxes, np.nan_to_num(velocity)], axis=1)
    tensor = torch.from_numpy(boxes)
    return dict(
        gt_bboxes_3d=LiDARInstance3DBoxes(tensor, box_dim=tensor.shape[1]),
        gt_labels_3d=np.array(labels, dtype=np.int64),
        gt_keypoints_3d=_keypoints(instances),
        track_ids=np.array([item.get('track_id', '') for item in instances], dtype=object),
        difficulties=np.array([item.get('difficulty', 0) for item in instances], dtype=np.int64),
        num_lidar_pts=np.array([item.get('num_lidar_pts', -1) for item in instances],
                               dtype=np.int64))


def box_table(instances: Sequence[Mapping]) -> np.ndarray:
    """LiDAR boxes (M, 7) float32 of some objects."""
    return np.array([item['bbox_3d'][:7] for item in instances], dtype=np.float32).reshape(-1, 7)


def has_keypoints(instance: Mapping) -> bool:
    """Whether any joint of an object is labelled."""
    return bool(np.any(instance.get('keypoints_visible', 0)))


def _keypoints(instances: Sequence[Mapping]) -> Keypoints3D:
    points = np.zeros((len(instances), len(JOINTS), 3), dtype=np.float32)
    visibility = np.zeros((len(instances), len(JOINTS)), dtype=np.int64)
    for row, item in enumerate(instances):
        if has_keypoints(item):
            points[row], visibility[row] = item['keypoints_3d'], item['keypoints_visible']
    return Keypoints3D(torch.from_numpy(points), torch.from_numpy(visibility))
