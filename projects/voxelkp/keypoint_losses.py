"""Losses of the keypoint head: as they should be, and as published."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.rotated_iou import rotated_iou_3d_aligned
from voxelkp.bev_grid import BEVGrid
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
        loss_iou=iou_prediction_loss(at, targets, grid).sum() / overlap_divisor,
        loss_iou_box=IOU_BOX_WEIGHT * distance_iou_loss(at, targets, grid).sum()
        / overlap_divisor)


def heatmap_loss(logits: Tensor, target: Tensor) -> Tensor:
    """CenterNet's focal loss over cells [N], divided by the number of cells at 1."""
    score = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    positive = target == 1
    of_positive = score.log() * (1 - score).square()
    of_negative = (1 - score).log() * score.square() * (1 - target) ** 4
    loss = torch.where(positive, of_positive, of_negative)
    return -loss.sum() / positive.sum().clamp(min=1)


def box_loss(at: HeadOutputs, targets: Targets, heading_weight: float = 1.0) -> Tensor:
    """Absolute errors of the 8 numbers of a box, weighted, [P, 8]."""
    found = torch.cat([at.x[:, :1], at.y[:, :1], at.z[:, :1], at.size, at.heading], 1)
    wanted = torch.cat([targets.positions[:, 0], targets.size, targets.heading], 1)
    weights = found.new_tensor([1.0] * 6 + [heading_weight] * 2)
    return (found - wanted).abs() * weights


def joint_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """Weighted sum of the absolute errors of labeled joints in meters."""
    error = (_joints(at) - targets.positions[:, 1:]).abs()            # [P, K, 3]
    meters = error * error.new_tensor([*grid.cell, 1.0])
    weights = joint_weights(meters.shape[1]).to(meters) * targets.valid
    return (meters * weights[..., None]).sum()


def published_joint_loss(at: HeadOutputs, targets: Targets) -> Tensor:
    """Weighted sum of all absolute errors, x and y in cells, missing joints included."""
    error = (_joints(at) - targets.positions[:, 1:]).abs()
    return (error * joint_weights(error.shape[1]).to(error)[:, None]).sum()


def bone_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """Mean absolute error of the lengths of labeled bones in meters; 0 for other skeletons."""
    if at.visibility.shape[1] != 14:
        return at.x.sum() * 0
    scale = at.x.new_tensor([*grid.cell, 1.0])
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


def iou_prediction_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """Error of the predicted overlap against that of the decoded box, [P]."""
    with torch.no_grad():
        found, wanted = _bottom(at.boxes(grid)), _bottom(targets.boxes)
        overlap = rotated_iou_3d_aligned(found, wanted)
    return (at.iou - (2 * overlap - 1)).abs()


def distance_iou_loss(at: HeadOutputs, targets: Targets, grid: BEVGrid) -> Tensor:
    """1 - DIoU of the boxes as if both pointed ahead, [P].

    Source: Zheng et al., "Distance-IoU Loss" (AAAI 2020), equation 7, in 3D.
    """
    found = at.positions(grid)[:, 0], at.size.clamp(-5, 5).exp()
    wanted = targets.boxes[:, :3], targets.boxes[:, 3:6]
    (low, high), (wanted_low, wanted_high) = (
        (center - size / 2, center + size / 2) for center, size in (found, wanted))
    common = (torch.minimum(high, wanted_high) - torch.maximum(low, wanted_low)).clamp(min=0)
    common = common.prod(1)
    union = found[1].prod(1) + wanted[1].prod(1) - common
    hull = (torch.maximum(high, wanted_high) - torch.minimum(low, wanted_low)).clamp(min=0)
    distance = (found[0] - wanted[0]).square().sum(1) / hull.square().sum(1).clamp(min=1e-12)
    return 1 - (common / union.clamp(min=1e-12) - distance).clamp(-1, 1)


def _joints(at: HeadOutputs) -> Tensor:  # [P, K, 3]
    """Joints in cells from the cell's index, meters."""
    return torch.stack([at.x, at.y, at.z], -1)[:, 1:]


def _bottom(boxes: Tensor) -> Tensor:
    """Boxes with z at the bottom instead of the center."""
    return torch.cat([boxes[:, :2], boxes[:, 2:3] - boxes[:, 5:6] / 2, boxes[:, 3:]], 1)
