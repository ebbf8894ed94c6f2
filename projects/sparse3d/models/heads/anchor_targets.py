"""Which object each anchor stands for, found for all objects at once."""
from __future__ import annotations

import math

import torch
from mmdet.models.task_modules import MaxIoUAssigner
from torch import Tensor

from sparse3d.ops.cells import max_groups

LEAST_UNION = 1e-6  # square meters


def assigned_objects(ious: Tensor, rule: MaxIoUAssigner) -> Tensor:  # [G, A] -> [A] int64
    """One more than the object of each anchor; 0 for background, -1 for what counts as neither.

    What ``rule.assign_wrt_overlaps`` finds, whose loop over the objects waits for the device
    once an object.

    Args:
        ious: of objects and anchors, not negative.

    Source: Faster R-CNN (NeurIPS 2015), section 3.1.2; mmdet's ``MaxIoUAssigner``.
    """
    if not len(ious):
        return torch.zeros(ious.shape[1], dtype=torch.long, device=ious.device)
    best, nearest = ious.max(0)
    low, high = (0, rule.neg_iou_thr) if isinstance(rule.neg_iou_thr, float) else rule.neg_iou_thr
    assigned = torch.where((best >= low) & (best < high), 0, -1)
    assigned = torch.where(best >= rule.pos_iou_thr, nearest + 1, assigned)
    if not rule.match_low_quality:
        return assigned
    highest, place = ious.max(1)
    number = torch.arange(1, len(ious) + 1, dtype=torch.int32, device=ious.device)
    number = torch.where(highest >= rule.min_pos_iou, number, 0)
    if rule.gt_max_assign_all:
        claimed = torch.where(ious == highest[:, None], number[:, None], 0).amax(0)
    else:
        claimed = max_groups(number, place, ious.shape[1])
    return torch.where(claimed > 0, claimed.long(), assigned)  # of several the last object


def nearest_ious(objects: Tensor, anchors: Tensor) -> Tensor:  # [G, >=7], [A, >=7] -> [G, A]
    """Intersection over union in BEV, each box turned to the nearest right angle."""
    a, b = nearest_rectangles(objects)[:, None], nearest_rectangles(anchors)[None]
    width, height = ((torch.minimum(a[..., axis + 2], b[..., axis + 2])
                      - torch.maximum(a[..., axis], b[..., axis])).clamp(min=0)
                     for axis in range(2))
    common = width * height
    return common / (_areas(a) + _areas(b) - common).clamp(min=LEAST_UNION)


def nearest_rectangles(boxes: Tensor) -> Tensor:  # [N, >= 7] -> [N, 4]
    """Least and greatest x and y of boxes that are turned to the nearest right angle."""
    center, size, yaw = boxes[:, :2], boxes[:, 3:5], boxes[:, 6]
    turn = (yaw - torch.floor(yaw / math.pi + 0.5) * math.pi).abs()
    half = torch.where((turn > math.pi / 4)[:, None], size.flip(1), size) / 2
    return torch.cat([center - half, center + half], dim=1)


def _areas(rectangles: Tensor) -> Tensor:
    return (rectangles[..., 2] - rectangles[..., 0]) * (rectangles[..., 3] - rectangles[..., 1])
