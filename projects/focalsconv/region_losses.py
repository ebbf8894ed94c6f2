"""Losses of the second stage: score, residuals, corners."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from focalsconv.region_boxes import apply_residuals, box_corners, residuals
from focalsconv.region_targets import RegionTargets

SMOOTH_UNTIL = 1 / 9  # where the smooth L1 loss of residuals becomes linear


def region_losses(scores: Tensor, changes: Tensor, targets: list[RegionTargets]) -> dict:
    """Losses over the regions of a batch.

    Args:
        scores: [R] logits, samples one after the other.
        changes: [R, 7] predicted residuals.

    Returns:
        ``loss_region_score``: mean over regions of the cross entropy with the grade;
        ``loss_region_box``: smooth L1 of the residuals, per learnt region;
        ``loss_region_corner``: distance of corners, the smaller of box and turned twin.

    Source: Voxel R-CNN (AAAI 2021), section 3.4; corner loss: Frustum PointNets.
    """
    grades = torch.cat([target.grades for target in targets])
    learnt = torch.cat([target.regress for target in targets])
    regions = torch.cat([target.regions.boxes for target in targets])[learnt]
    boxes = torch.cat([target.boxes for target in targets])[learnt]
    changes = changes.float()[learnt]
    score = F.binary_cross_entropy_with_logits(scores.float(), grades, reduction='sum')
    differences = F.smooth_l1_loss(changes, residuals(boxes, regions), beta=SMOOTH_UNTIL,
                                   reduction='sum')
    corners = corner_loss(apply_residuals(changes, regions), boxes)
    return dict(loss_region_score=score / max(len(grades), 1),
                loss_region_box=differences / max(len(boxes), 1),
                loss_region_corner=corners.sum() / max(len(boxes), 1))


def corner_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """[N] mean smooth L1 over the eight corners; each corner may take the turned twin's."""
    twin = targets + targets.new_tensor([0, 0, 0, 0, 0, 0, torch.pi])
    corners = box_corners(boxes)
    distance = torch.minimum((corners - box_corners(targets)).norm(dim=2),
                             (corners - box_corners(twin)).norm(dim=2))  # [N, 8]
    return F.smooth_l1_loss(distance, torch.zeros_like(distance), beta=1.0,
                            reduction='none').mean(1)
