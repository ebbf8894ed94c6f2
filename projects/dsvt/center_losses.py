"""Losses of the boxes of the center head."""
from __future__ import annotations

from torch import Tensor

from dsvt.center_targets import CenterTargets
from sparse3d.models.center.predicted_iou import diou_aligned, iou_error


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
    return dict(
        loss_bbox=(codes - targets.codes).abs().sum() / count,
        loss_iou=iou_error(quality, boxes, targets.boxes).sum() / count,
        loss_diou=(1 - diou_aligned(boxes, targets.boxes)).sum() / count)
