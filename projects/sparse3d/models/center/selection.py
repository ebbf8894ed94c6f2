"""From scored boxes to detections: range, and suppression class by class."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import pi

import torch
from torch import Tensor

from sparse3d.ops.rotated_iou import bev_boxes
from sparse3d.ops.rotated_nms import rotated_nms


def in_range(boxes: Tensor, center_range: Sequence[float]) -> Tensor:
    """Whether x, y, z of boxes [n, >= 3] lie in the range, ends included; NaN does not, [n]."""
    inside = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for axis in range(3):
        inside &= (boxes[:, axis] >= center_range[axis]) & (
            boxes[:, axis] <= center_range[axis + 3])
    return inside


def suppress_by_class(
        boxes: Tensor,    # [n, >= 7]  meters
        scores: Tensor,   # [n]
        labels: Tensor,   # [n]
        iou_thresholds: Sequence[float] | Mapping[int, float],  # of each class
        nms_pre: int | None = None,
        nms_post: int | None = None,
        published_turned_nms: bool = False,
) -> Tensor:              # [k] rows that stay, by class, best first
    """Rotated non-maximum suppression in BEV within each class that has a threshold.

    Args:
        nms_pre, nms_post: boxes of a class that enter and that leave.
        published_turned_nms: turn every box by 90 degrees about its center before overlaps
            are measured, as some released code does.

    Source: CenterPoint (CVPR 2021), released code.
    """
    flat = bev_boxes(boxes)
    if published_turned_nms:
        flat = torch.cat([flat[:, :4], flat[:, 4:] + pi / 2], dim=1)
    pairs = (iou_thresholds.items() if isinstance(iou_thresholds, Mapping)
             else enumerate(iou_thresholds))
    kept = [labels.new_zeros(0, dtype=torch.long)]
    for label, threshold in pairs:
        rows = (labels == label).nonzero().squeeze(1)
        if nms_pre is not None:
            rows = rows[scores[rows].argsort(descending=True, stable=True)[:nms_pre]]
        kept.append(rows[rotated_nms(flat[rows], scores[rows], threshold)[:nms_post]])
    return torch.cat(kept)
