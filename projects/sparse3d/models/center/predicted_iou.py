"""A head that says how well its boxes fit: what it should say, and what that does to scores."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.rotated_iou import rotated_iou_3d_aligned
from sparse3d.structures.box_tensors import at_bottoms

SMALLEST = 1e-12  # volumes and squared lengths that are divided by


def predicted_quality(iou: Tensor) -> Tensor:
    """Overlap in [0, 1] from the output of a branch that was taught 2 IoU - 1."""
    return ((iou + 1) / 2).clamp(0, 1)


def rectified_scores(scores: Tensor, quality: Tensor, power: Tensor | float) -> Tensor:
    """``scores ** (1 - power) * quality ** power``; shapes that broadcast.

    Source: CIA-SSD (AAAI 2021), equation 4.
    """
    return scores ** (1 - power) * quality ** power


def iou_error(
        predicted: Tensor,  # [n]  about 2 IoU - 1
        boxes: Tensor,      # [n, 7]  predicted, z at the center
        gt_boxes: Tensor,   # [n, 7]  z at the center
) -> Tensor:                # [n]
    """Absolute error of the predicted overlap against that of the boxes, which are not taught."""
    with torch.no_grad():
        iou = rotated_iou_3d_aligned(at_bottoms(boxes), at_bottoms(gt_boxes))
    return (predicted - (2 * iou - 1)).abs()


def diou_aligned(a: Tensor, b: Tensor) -> Tensor:
    """Distance IoU of the boxes of each row, headings ignored: [n, >= 6] twice -> [n].

    Args:
        a, b: x, y, z of the center, dx, dy, dz.

    Source: Distance-IoU loss (AAAI 2020), equation 7, in three dimensions.
    """
    (low_a, high_a), (low_b, high_b) = (
        (box[:, :3] - box[:, 3:6] / 2, box[:, :3] + box[:, 3:6] / 2) for box in (a, b))
    shared = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(1)
    union = a[:, 3:6].prod(1) + b[:, 3:6].prod(1) - shared
    hull = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).clamp(min=0)
    apart = (a[:, :3] - b[:, :3]).square().sum(1) / hull.square().sum(1).clamp(min=SMALLEST)
    return (shared / union.clamp(min=SMALLEST) - apart).clamp(-1, 1)
