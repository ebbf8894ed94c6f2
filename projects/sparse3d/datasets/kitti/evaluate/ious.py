"""Overlaps of ground truth and detections of the same KITTI frames, as sparse lists."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.ops.rotated_iou import intersection_area


class Candidates(NamedTuple):
    """Detections that overlap each ground truth, in the order of the files."""

    starts: np.ndarray     # [G + 1]  where the list of each ground truth begins
    detection: np.ndarray  # [P]
    iou: np.ndarray        # [P]  intersection over union, above 0


class PairwiseIoUs(NamedTuple):
    """Candidates by each of the three overlaps, and detections in DontCare areas."""

    bbox: Candidates
    bev: Candidates
    volume: Candidates
    dontcare: np.ndarray   # [D]  largest share of the detection inside one DontCare area


def compute_ious(
        gt: KittiObjects, gt_counts: Sequence[int],
        detections: KittiObjects, detection_counts: Sequence[int],
) -> PairwiseIoUs:
    """Overlaps in the image, in BEV, and in space.

    Args:
        gt: objects of all frames, ``gt_counts`` in each.
        detections: the same for the detections.
    """
    row, column = _pairs_of_frames(np.asarray(gt_counts, np.int64),
                                   np.asarray(detection_counts, np.int64))
    common, area_truth, area_detection = _image_iou(gt.bbox[row], detections.bbox[column])
    share = np.divide(common, area_detection, out=np.zeros_like(common), where=common > 0)
    in_area = _is_dontcare(gt.name)[row]
    dontcare = np.zeros(len(detections))
    np.maximum.at(dontcare, column[in_area], share[in_area])
    union = area_truth + area_detection - common
    iou = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    bev, volume = _ious_3d(gt, detections, row, column)
    return PairwiseIoUs(*(_candidates(row, column, overlap, len(gt))
                          for overlap in (iou, bev, volume)), dontcare)


def _is_dontcare(names: np.ndarray) -> np.ndarray:
    return np.char.lower(names) == 'dontcare'


def _pairs_of_frames(
        gt_counts: np.ndarray, detection_counts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # [P] rows of ground truth, [P] rows of detections
    """All pairs of the same frame, ordered by ground truth, then by detection."""
    per_truth = np.repeat(detection_counts, gt_counts)
    first = np.repeat(detection_counts.cumsum() - detection_counts, gt_counts)
    row = np.repeat(np.arange(len(per_truth)), per_truth)
    before = per_truth.cumsum() - per_truth
    column = np.arange(len(row)) + np.repeat(first - before, per_truth)
    return row, column


def _image_iou(
        a: np.ndarray, b: np.ndarray,  # [P, 4]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # [P] common area, area of a, area of b
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.where((size > 0).all(1), size.prod(1), 0)
    return common, (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)


def _ious_3d(
        gt: KittiObjects, detections: KittiObjects, row: np.ndarray, column: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # [P] BEV, [P] 3D
    bev, volume = np.zeros(len(row)), np.zeros(len(row))
    near = _is_near(gt, detections, row, column)
    row, column = row[near], column[near]
    # Seen along +y the camera's x and z axes turn clockwise.
    a, b = (torch.from_numpy(_ground_rectangles(objects)[rows])
            for objects, rows in ((gt, row), (detections, column)))
    common = intersection_area(a, b).numpy()
    size_a, size_b = gt.dimensions[row], detections.dimensions[column]
    area_a, area_b = size_a[:, 0] * size_a[:, 2], size_b[:, 0] * size_b[:, 2]
    meets = common > 0
    bev[near] = np.divide(common, area_a + area_b - common, out=common * 0, where=meets)

    bottom_a, bottom_b = gt.location[row, 1], detections.location[column, 1]  # y points down
    height = (np.minimum(bottom_a, bottom_b)
              - np.maximum(bottom_a - size_a[:, 1], bottom_b - size_b[:, 1]))
    common = common * height.clip(min=0)
    union = area_a * size_a[:, 1] + area_b * size_b[:, 1] - common
    volume[near] = np.divide(common, union, out=common * 0, where=common > 0)
    return bev, volume


def _is_near(gt: KittiObjects, detections: KittiObjects, row: np.ndarray,
             column: np.ndarray) -> np.ndarray:
    """Whether the circles around the rectangles of each pair meet."""
    radius_a, radius_b = (np.hypot(objects.dimensions[:, 0], objects.dimensions[:, 2]) / 2
                          for objects in (gt, detections))
    offset = gt.location[row][:, [0, 2]] - detections.location[column][:, [0, 2]]
    return np.hypot(*offset.T) <= radius_a[row] + radius_b[column]


def _ground_rectangles(objects: KittiObjects) -> np.ndarray:  # [N, 5]  x, z, l, w, angle
    return np.column_stack([objects.location[:, [0, 2]], objects.dimensions[:, [0, 2]],
                            -objects.rotation_y])


def _candidates(
        row: np.ndarray, column: np.ndarray, iou: np.ndarray, number: int) -> Candidates:
    meets = iou > 0
    starts = np.searchsorted(row[meets], np.arange(number + 1))
    return Candidates(starts, column[meets], iou[meets])
