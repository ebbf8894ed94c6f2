"""Losses of the second stage: score, residuals, corners."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from focalsconv.proposal_boxes import apply_residuals, box_corners, residuals
from focalsconv.proposal_targets import ProposalTargets
from sparse3d.ops.constants import constant

SMOOTH_UNTIL = 1 / 9  # where the smooth L1 loss of residuals becomes linear


def roi_losses(scores: Tensor, box_deltas: Tensor, targets: list[ProposalTargets]) -> dict:
    """Losses over the proposals of a batch.

    Args:
        scores: [R] logits, samples one after the other.
        box_deltas: [R, 7] predicted residuals.

    Returns:
        ``loss_roi_score``: mean over proposals of the cross entropy with the IoU target;
        ``loss_roi_box``: smooth L1 of the residuals, per learned proposal;
        ``loss_roi_corner``: distance of corners, the smaller of box and turned twin.

    Source: Voxel R-CNN (AAAI 2021), section 3.4; corner loss: Frustum PointNets.
    """
    iou_targets = torch.cat([target.iou_targets for target in targets])
    learned = torch.cat([target.regress for target in targets]).nonzero().squeeze(1)
    proposals = torch.cat([target.proposals.boxes for target in targets])[learned]
    boxes = torch.cat([target.boxes for target in targets])[learned]
    box_deltas = box_deltas.float()[learned]
    score = F.binary_cross_entropy_with_logits(scores.float(), iou_targets, reduction='sum')
    differences = F.smooth_l1_loss(box_deltas, residuals(boxes, proposals), beta=SMOOTH_UNTIL,
                                   reduction='sum')
    corners = corner_loss(apply_residuals(box_deltas, proposals), boxes)
    return dict(loss_roi_score=score / max(len(iou_targets), 1),
                loss_roi_box=differences / max(len(boxes), 1),
                loss_roi_corner=corners.sum() / max(len(boxes), 1))


def corner_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """[N] mean smooth L1 over the eight corners; each corner may take the turned twin's."""
    twin = targets + constant([0, 0, 0, 0, 0, 0, torch.pi], targets)
    corners = box_corners(boxes)
    distance = torch.minimum((corners - box_corners(targets)).norm(dim=2),
                             (corners - box_corners(twin)).norm(dim=2))  # [N, 8]
    return F.smooth_l1_loss(distance, torch.zeros_like(distance), beta=1.0,
                            reduction='none').mean(1)
