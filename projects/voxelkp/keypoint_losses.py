"""Losses of the keypoint head: as they should be, and as published."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import heatmap_loss
from sparse3d.models.center.predicted_iou import diou_aligned, iou_error
from sparse3d.ops.constants import constant
from voxelkp.head_outputs import HeadOutputs
from voxelkp.keypoint_targets import Targets
from voxelkp.skeleton import BONES, bone_lengths, joint_weights

BOX_WEIGHT, JOINT_WEIGHT, IOU_BOX_WEIGHT = 2.0, 2.0, 2.0
PUBLISHED_SLOTS = 500  # people a frame is padded to


def keypoint_losses(outputs: HeadOutputs, targets: Targets, grid: BEVGrid,
                    published: bool = False, heading_weight: float = 1.0) -> dict[str, Tensor]:
    """Weighted losses by name; their sum is what is minimized.

    All are sums over people, divided by the number of people (at least 1).

    * ``loss_heatmap``: focal loss of the heatmap.
    * ``loss_box``: L1 of center (cells, meters), log size, cos and sin of the heading.
    * ``loss_joints``: L1 of the joints in meters, three times for wrists and ankles; missing
      joints do not count.
    * ``loss_visibility``: L1 against 0, 1, 2.
    * ``loss_bones``: L1 of the lengths of bones whose ends are both labeled, in meters.
    * ``loss_iou``: of the predicted overlap; ``loss_iou_box``: distance-IoU of the boxes.

    Args:
        published: the released arithmetic: x and y of joints in cells, missing joints pulled
            to the center of the box, and bones compared by the batch's mean length over all
            padded slots (practically zero).
        heading_weight: factor of the heading in ``loss_box``; 1 in the release.

    Source: VoxelKP (ICCV 2025), section 3; released parent head of VoxelKP.
    """
    at = outputs.select(targets.rows)
    number = max(len(targets), 1)
    joints = published_joint_loss(at, targets) if published else joint_loss(at, targets, grid)
    bones = (published_bone_loss(at, targets, outputs.batch_size) if published
             else bone_loss(at, targets, grid))
    overlap_divisor = len(targets) + 1e-4
    return dict(
        loss_heatmap=heatmap_loss(outputs.heatmap, targets.heatmap),
        loss_box=BOX_WEIGHT * box_loss(at, targets, heading_weight).sum() / number / 2,
        loss_joints=JOINT_WEIGHT * joints / number / 3 / 2,
        loss_visibility=(at.visibility - targets.visibility).abs().mean(1).sum() / number,
        loss_bones=bones,
        loss_iou=iou_error(at.iou, at.boxes(grid), targets.boxes).sum() / overlap_divisor,
        loss_iou_box=IOU_BOX_WEIGHT * distance_iou_loss(at, targets, grid).sum()
        / overlap_divisor)


def box_loss(at: HeadOutputs, targets: Targets, heading_weight: float = 1.0) -> Tensor:
    """Absolute errors of the 8 numbers of a box, weighted, [P, 8]."""
    found = torch.cat([at.x[:, :1], at.y[:, :1], at.z[:, :1], at.size, at.heading], 1)
    wanted = torch.cat([targets.positions[:, 0], targets.size, targets.heading], 1)
    weights = constant([1.0] * 6 + [heading_weight] * 2, found)
    return (found - wanted).abs() * weights


def joint_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """Weighted sum of the absolute errors of labeled joints in meters."""
    error = (_joints(at) - targets.positions[:, 1:]).abs()            # [P, K, 3]
    meters = error * constant([*grid.cell, 1.0], error)
    weights = joint_weights(meters.shape[1], meters) * targets.valid
    return (meters * weights[..., None]).sum()


def published_joint_loss(at: HeadOutputs, targets: Targets) -> Tensor:
    """Weighted sum of all absolute errors, x and y in cells, missing joints included."""
    error = (_joints(at) - targets.positions[:, 1:]).abs()
    return (error * joint_weights(error.shape[1], error)[:, None]).sum()


def bone_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """Mean absolute error of the lengths of labeled bones in meters; 0 for other skeletons."""
    if at.visibility.shape[1] != 14:
        return at.x.sum() * 0
    scale = constant([*grid.cell, 1.0], at.x)
    error = (bone_lengths(_joints(at) * scale)
             - bone_lengths(targets.positions[:, 1:] * scale)).abs()  # [P, bones]
    start, end = zip(*BONES, strict=True)
    known = targets.valid[:, start] & targets.valid[:, end]
    return (error * known).sum() / known.sum().clamp(min=1)


def published_bone_loss(at: HeadOutputs, targets: Targets, batch_size: int) -> Tensor:
    """Difference of mean lengths over all slots, cells and meters mixed."""
    slots = batch_size * PUBLISHED_SLOTS
    found = bone_lengths(_joints(at)).sum(0) / slots
    wanted = bone_lengths(targets.positions[:, 1:]).sum(0) / slots
    return (found - wanted).abs().mean()


def distance_iou_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """1 - DIoU of the boxes as if both pointed ahead, [P]."""
    found = torch.cat([at.positions(grid)[:, 0], at.size.clamp(-5, 5).exp()], 1)
    return 1 - diou_aligned(found, targets.boxes)


def _joints(at: HeadOutputs) -> Tensor:  # [P, K, 3]
    """Joints in cells from the cell's index, meters."""
    return torch.stack([at.x, at.y, at.z], -1)[:, 1:]
