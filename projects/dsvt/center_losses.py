"""Losses of the center head."""
from __future__ import annotations

import torch
from torch import Tensor

from dsvt.center_targets import CenterTargets
from sparse3d.ops.rotated_iou import rotated_iou_3d_aligned


def heatmap_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Penalty-reduced focal loss over the number of objects.

    Args:
        logits, target: [B, classes, H, W].

    Source: CornerNet (ECCV 2018), equation 1, alpha 2, beta 4.
    """
    heat = logits.float().sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = target == 1
    found = (heat.log() * (1 - heat) ** 2)[peak].sum()
    quiet = ((1 - heat).log() * heat ** 2 * (1 - target) ** 4)[~peak].sum()
    return -(found + quiet) / peak.sum().clamp(min=1)


def box_losses(
        codes: Tensor,    # [n, 8]  predicted at the objects' cells
        quality: Tensor,  # [n]     predicted overlap, in [-1, 1] units
        boxes: Tensor,    # [n, 7]  decoded from the codes, z center
        targets: CenterTargets,
) -> dict[str, Tensor]:
    """Code, overlap and box losses, each a sum over objects over their number.

    ``loss_bbox`` is the L1 distance of the codes, ``loss_iou`` that of the predicted to
    the true rotated overlap, ``loss_diou`` 1 - DIoU of the boxes without their headings.
    Without objects all are zero and still reach the predictions.
    """
    count = max(1, len(targets.codes))
    overlap = rotated_iou_3d_aligned(_on_ground(boxes.detach()), _on_ground(targets.boxes))
    return dict(
        loss_bbox=(codes - targets.codes).abs().sum() / count,
        loss_iou=(quality - (2 * overlap - 1)).abs().sum() / count,
        loss_diou=(1 - diou_aligned(boxes, targets.boxes)).sum() / count)


def diou_aligned(a: Tensor, b: Tensor) -> Tensor:
    """Distance IoU of the boxes of each row, headings ignored: [n, >= 6] twice -> [n].

    Source: Distance-IoU loss (AAAI 2020), equation 7, in three dimensions.
    """
    lower_a, upper_a = a[:, :3] - a[:, 3:6] / 2, a[:, :3] + a[:, 3:6] / 2
    lower_b, upper_b = b[:, :3] - b[:, 3:6] / 2, b[:, :3] + b[:, 3:6] / 2
    common = (torch.minimum(upper_a, upper_b) - torch.maximum(lower_a, lower_b)).clamp(min=0)
    hull = torch.maximum(upper_a, upper_b) - torch.minimum(lower_a, lower_b)
    shared = common.prod(1)
    union = a[:, 3:6].prod(1) + b[:, 3:6].prod(1) - shared
    apart = (a[:, :3] - b[:, :3]).square().sum(1) / hull.square().sum(1)
    return (shared / union - apart).clamp(-1, 1)


def _on_ground(boxes: Tensor) -> Tensor:
    """z of the center to z of the bottom face."""
    low = boxes.clone()
    low[:, 2] -= boxes[:, 5] / 2
    return low
