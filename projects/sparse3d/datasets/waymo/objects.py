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

    Joints are those of the people who have any (``people``, ``people_joints``, few): a data
    set of 160,000 frames keeps all of this in memory. :func:`with_keypoints` spreads them out.

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
        **_people(instances),
        track_ids=np.array([item.get('track_id', '') for item in instances], dtype=object),
        difficulties=np.array([item.get('difficulty', 0) for item in instances], dtype=np.int64),
        num_lidar_pts=np.array([item.get('num_lidar_pts', -1) for item in instances],
                               dtype=np.int64))


def box_table(instances: Sequence[Mapping]) -> np.ndarray:
    """LiDAR boxes (M, 7) float32 of some objects."""
    return np.array([item['bbox_3d'][:7] for item in instances], dtype=np.float32).reshape(-1, 7)


def has_keypoints(instance: Mapping) -> bool:
    """Whether any joint of an object is labeled."""
    return bool(np.any(instance.get('keypoints_visible', 0)))


def with_keypoints(arrays: dict[str, Any]) -> dict[str, Any]:
    """The same with ``gt_keypoints_3d`` of all M objects instead of those of few people."""
    rest = {key: value for key, value in arrays.items() if not key.startswith('people')}
    count, rows = len(rest['gt_labels_3d']), torch.from_numpy(arrays['people'])
    points = torch.zeros(count, len(JOINTS), 3)
    visibility = torch.zeros(count, len(JOINTS), dtype=torch.int64)
    points[rows] = torch.from_numpy(arrays['people_joints'])
    visibility[rows] = torch.from_numpy(arrays['people_visibility'])
    return dict(rest, gt_keypoints_3d=Keypoints3D(points, visibility))


def _people(instances: Sequence[Mapping]) -> dict[str, np.ndarray]:
    rows = [row for row, item in enumerate(instances) if has_keypoints(item)]
    joints = [instances[row]['keypoints_3d'] for row in rows]
    visible = [instances[row]['keypoints_visible'] for row in rows]
    return dict(
        people=np.array(rows, dtype=np.int64),
        people_joints=np.array(joints, dtype=np.float32).reshape(-1, len(JOINTS), 3),
        people_visibility=np.array(visible, dtype=np.int64).reshape(-1, len(JOINTS)))
