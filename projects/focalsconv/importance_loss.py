"""Supervision of the voxel importance by ground-truth boxes."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.constants import constant
from sparse3d.ops.points_in_boxes import points_in_boxes
from sparse3d.structures.box_tensors import at_bottoms

MARGIN = 1e-5  # meters, horizontal, of the published box test


def voxel_corners(coordinates: Tensor, stride: int, voxel_size: Tensor,
                  range_minimum: Tensor) -> Tensor:
    """Lower corners of voxels in meters, LiDAR frame.

    Args:
        coordinates: [N, 4] integers (sample, z, y, x) in a grid ``stride`` times coarser than
            ``voxel_size``.
        voxel_size, range_minimum: [3] x, y, z in meters.

    Returns:
        [N, 3] float32 x, y, z. Corners, not centers: as the layer was published.
    """
    return coordinates.flip(1)[:, :3] * stride * voxel_size + range_minimum


def importance_loss(importance: Tensor, targets: Tensor) -> Tensor:
    """Focal loss (gamma 2, no alpha) of voxel importance, mean over both classes.

    As published, the two scores (1 - p, p) pass another softmax, so that the probability of
    the foreground class is sigmoid(2p - 1), in [0.27, 0.73]: the loss cannot fall below 0.011.

    Args:
        importance: [N] in [0, 1].
        targets: [N] bool, True inside a ground-truth box.

    Returns:
        scalar, 0 (still attached to the graph) when there is no voxel.

    Source: Focals Conv (CVPR 2022), section 3.2; released FocalLoss.
    """
    of_foreground = torch.sigmoid(2 * importance.float() - 1)
    of_target = torch.where(targets, of_foreground, 1 - of_foreground).clamp(1e-7, 1 - 1e-7)
    losses = -(1 - of_target).square() * of_target.log()
    return losses.sum() / max(2 * len(losses), 1)


def inside_boxes(points: Tensor, sample: Tensor, boxes: list[Tensor]) -> Tensor:
    """Mark points inside any ground-truth box of their own sample.

    Args:
        points: [N, 3] x, y, z in meters, LiDAR frame.
        sample: [N] int64, whose boxes count for the point.
        boxes: for each sample [n, >= 7] (x, y, z_bottom, dx, dy, dz, yaw, ...).

    Returns:
        [N] bool. A point within 1e-5 m beyond a vertical face still counts as inside.
    """
    inside = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for index, of_sample in enumerate(boxes):
        rows = (sample == index).nonzero().squeeze(1)
        widened = of_sample[:, :7].to(points)
        widened = widened + 2 * MARGIN * constant([0, 0, 0, 1, 1, 0, 0], widened)
        inside[rows] = points_in_boxes(points[rows], widened) >= 0
    return inside


def inside_doubled_boxes(points: Tensor, sample: Tensor, boxes: list[Tensor]) -> Tensor:
    """The published nuScenes rule: boxes of twice the size, yaw ignored.

    Arguments and result as in :func:`inside_boxes`.
    """
    doubled = []
    for of_sample in boxes:
        upright = at_bottoms(of_sample[:, :7])  # its base goes down as the height doubles
        upright[:, 3:6] *= 2
        upright[:, 6] = 0
        doubled.append(upright)
    return inside_boxes(points, sample, doubled)
