"""What nuScenes leaves out of a sample: far objects, and those that no sensor hit."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparse3d.datasets.nuscenes.evaluate.detection_score import rules_named
from sparse3d.metrics.matching_rules import Ignored, seven


def ignored_in_frame(entry: Mapping, names: Mapping[int, str], classes: Sequence[str],
                     boxes: np.ndarray, labels: np.ndarray) -> Ignored:
    """By the class ranges of the devkit, measured from the middle of the vehicle.

    Args:
        entry: of the info file.
        names: of its labels.
        classes: names of the detector's labels.
        boxes: (N, >= 7) detections, LiDAR frame.
        labels: (N,) of the detections.
    """
    ranges = rules_named('detection_cvpr_2019').class_range
    lidar2ego = np.array(entry['lidar_points']['lidar2ego'], float)
    instances = [item for item in entry['instances']
                 if names.get(item['bbox_label_3d']) in classes]
    gt = seven(np.array([item['bbox_3d'][:7] for item in instances], float).reshape(-1, 7))
    gt_labels = np.array([classes.index(names[item['bbox_label_3d']]) for item in instances], int)
    unseen = np.array([item.get('num_lidar_pts', 1) + item.get('num_radar_pts', 0) == 0
                       for item in instances], bool)
    far = np.array([ranges[name] for name in classes])
    out = unseen | (_distance(gt, lidar2ego) > far[gt_labels])
    return Ignored(gt[out], gt_labels[out],
                   _distance(seven(boxes), lidar2ego) > far[np.asarray(labels, int)])


def _distance(boxes: np.ndarray, lidar2ego: np.ndarray) -> np.ndarray:
    return np.hypot(*(boxes[:, :3] @ lidar2ego[:3, :3].T + lidar2ego[:3, 3])[:, :2].T)
