"""Pairs of ground truth and detection of one frame and type that overlap enough."""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import torch

from sparse3d.datasets.waymo.evaluate.objects import WaymoObjects
from sparse3d.ops.rotated_iou import intersection_area

# Sides up to this, in meters, make a box that overlaps nothing.
SMALLEST_SIDE = 0.01
# A block of frames is worked on at a time, which bounds the memory.
GROUPS_OF_A_BLOCK = 2048


class Pairs(NamedTuple):
    """Pairs that may be matched, ordered by ground truth.

    Ground truth and detections of a block are neighbors: rows ``gt_range`` and
    ``pred_range`` of the whole tables.
    """

    gt: np.ndarray                   # [P]  rows of the ground truth
    pred: np.ndarray                 # [P]  rows of the detections
    iou: np.ndarray                  # [P]  intersection over union
    gt_range: tuple[int, int]
    pred_range: tuple[int, int]


def pairs_by_blocks(
        gt: WaymoObjects, pred: WaymoObjects, thresholds: np.ndarray, iou_type: str,
) -> Iterator[Pairs]:
    """All pairs whose intersection over union reaches the threshold of their type.

    Args:
        gt, pred: objects sorted by frame and type; the same frame has the same key.
        thresholds: least overlap by type, indexed by Waymo's number of the type.
        iou_type: ``'3d'`` or ``'bev'``.
    """
    truth_group, found_group = (objects.frame * 8 + objects.type for objects in (gt, pred))
    groups = np.intersect1d(truth_group, found_group)
    edges = [np.stack([np.searchsorted(column, groups, side) for side in ('left', 'right')])
             for column in (truth_group, found_group)]
    for first in range(0, len(groups), GROUPS_OF_A_BLOCK):
        block = slice(first, first + GROUPS_OF_A_BLOCK)
        least = thresholds[groups[block] % 8]
        near = _near_pairs(gt.box, pred.box, edges[0][:, block], edges[1][:, block], least,
                           iou_type == 'bev')
        rows, columns = near
        value = ious_of_pairs(gt.box[rows], pred.box[columns], iou_type)
        enough = value >= thresholds[gt.type[rows]]
        yield Pairs(rows[enough], columns[enough], value[enough],
                    (edges[0][0, block][0], edges[0][1, block][-1]),
                    (edges[1][0, block][0], edges[1][1, block][-1]))


def ious_of_pairs(
        a: np.ndarray,  # [K, 7]  x, y, z of the center, length, width, height, heading
        b: np.ndarray,  # [K, 7]
        iou_type: str = '3d',
) -> np.ndarray:        # [K]  float64
    """Intersection over union of the boxes of each row, in space or in BEV.

    A box with a side of at most 0.01 m overlaps nothing, as in the official tool.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    common = intersection_area(*(torch.from_numpy(np.ascontiguousarray(boxes[:, [0, 1, 3, 4, 6]]))
                                 for boxes in (a, b))).numpy()
    sides = slice(3, 5) if iou_type == 'bev' else slice(3, 6)
    if iou_type == '3d':
        top = np.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2)
        bottom = np.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
        common = common * (top - bottom).clip(min=0)
    union = a[:, sides].prod(1) + b[:, sides].prod(1) - common
    solid = (np.minimum(a[:, sides], b[:, sides]) > SMALLEST_SIDE).all(1) & (union > 0)
    return np.divide(common, union, out=np.zeros(len(a)), where=solid)


@numba.njit(cache=True)
def _may_reach(a, b, min_iou, flat):
    """Whether the overlap of two boxes may reach ``min_iou``: their sizes and circles say."""
    reach = (np.sqrt(a[3] * a[3] + a[4] * a[4]) + np.sqrt(b[3] * b[3] + b[4] * b[4])) / 2
    if (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 > reach * reach:
        return False
    size_a, size_b = a[3] * a[4], b[3] * b[4]
    if not flat:
        if abs(a[2] - b[2]) > (a[5] + b[5]) / 2:
            return False
        size_a, size_b = size_a * a[5], size_b * b[5]
    return min(size_a, size_b) >= min_iou * max(size_a, size_b) * (1 - 1e-9)


@numba.njit(cache=True)
def _near_pairs(gt, pred, gt_edges, pred_edges, min_iou, flat):
    rows = np.empty(1024, np.int64)
    columns = np.empty(1024, np.int64)
    number = 0
    for group in range(len(min_iou)):
        for row in range(gt_edges[0, group], gt_edges[1, group]):
            for column in range(pred_edges[0, group], pred_edges[1, group]):
                if not _may_reach(gt[row], pred[column], min_iou[group], flat):
                    continue
                if number == len(rows):
                    rows = np.append(rows, np.empty(number, np.int64))
                    columns = np.append(columns, np.empty(number, np.int64))
                rows[number], columns[number] = row, column
                number += 1
    return rows[:number], columns[:number]
