"""What KITTI leaves out of a frame: hard objects, neighboring classes, small detections."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.matching import DIFFICULTIES, IGNORED, MIN_HEIGHT, gt_states
from sparse3d.datasets.kitti.evaluate.projection import project_to_image
from sparse3d.metrics.matching_rules import Ignored, seven
from sparse3d.structures.box_conversions import kitti_camera_to_lidar, lidar_to_kitti_camera

HARD = len(DIFFICULTIES) - 1


def ignored_in_frame(gt: KittiObjects, camera: Mapping, boxes: np.ndarray, classes: Sequence[str],
                     minimum_height_counts: bool = False) -> Ignored:
    """What counts at none of the three difficulties.

    Args:
        gt: all objects of the frame.
        camera: its entry in the info file.
        boxes: (N, >= 7) detections, LiDAR frame.
        classes: names of the labels.
    """
    areas, labels = [np.zeros((0, 7))], [np.zeros(0, int)]
    camera_boxes = np.column_stack([gt.location, gt.dimensions, gt.rotation_y])
    for label, name in enumerate(classes):
        states = gt_states(gt.name, gt.bbox, gt.occluded, gt.truncated, name, HARD,
                           minimum_height_counts)
        rows = states == IGNORED
        areas.append(kitti_camera_to_lidar(camera_boxes[rows], camera['lidar2cam']))
        labels.append(np.full(int(rows.sum()), label))
    image, visible = project_to_image(
        lidar_to_kitti_camera(seven(boxes), camera['lidar2cam']),
        np.asarray(camera['cam2img'], np.float64), (camera['height'], camera['width']))
    small = np.abs(image[:, 3] - image[:, 1]) < MIN_HEIGHT[HARD]
    return Ignored(np.concatenate(areas), np.concatenate(labels), small | ~visible)
