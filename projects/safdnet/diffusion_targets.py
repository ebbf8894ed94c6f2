"""What the voxel classification of adaptive feature diffusion should say."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import heatmap_loss
from sparse3d.ops.box_members import box_members

MARGIN = 1e-5  # meters that a box is larger on each side


def diffusion_targets(
        coordinates: Tensor,        # [N, 3]  sample, y, x
        boxes: Sequence[Tensor],    # B x [n, >= 7]  meters, LiDAR frame
        labels: Sequence[Tensor],   # B x [n]
        grid: BEVGrid,
        groups: Sequence[Sequence[int]],
) -> Tensor:                        # [N, groups] bool
    """Whether the center of each cell lies in a box of each group, seen from above."""
    centers = grid.to_meters(coordinates[:, [2, 1]].float() + 0.5)
    points = torch.cat([centers, torch.zeros_like(centers[:, :1])], dim=1)
    targets = torch.zeros(len(points), len(groups), dtype=torch.bool, device=points.device)
    for sample, (of_sample, names) in enumerate(zip(boxes, labels, strict=True)):
        rows = (coordinates[:, 0] == sample).nonzero().flatten()
        flat = _from_above(of_sample[:, :7].to(points))
        for number, group in enumerate(groups):
            own = torch.isin(names.to(points.device), names.new_tensor(list(group)).to(
                points.device))
            _, inside = box_members(points[rows], flat[own])
            targets[rows[inside], number] = True
    return targets


def diffusion_losses(logits: Tensor, foreground: Tensor,  # [N, groups]
                     targets: Tensor) -> dict[str, Tensor]:
    """``loss_diffusion_N`` and ``diffusion_recall_N`` of each group.

    The focal loss of a group is divided by the cells in its boxes; without any it is a sum.
    """
    losses = {}
    for number in range(logits.shape[1]):
        wanted = targets[:, number]
        losses[f'loss_diffusion_{number}'] = heatmap_loss(logits[:, number],
                                                          wanted.to(logits.dtype))
        found = (foreground[:, number] & wanted).sum()
        losses[f'diffusion_recall_{number}'] = found / wanted.sum().clamp(min=1)
    return losses


def _from_above(boxes: Tensor) -> Tensor:
    """Boxes [n, 7] around height 0, a little larger."""
    flat = boxes.clone()
    flat[:, 2], flat[:, 5] = -1, 2
    flat[:, 3:5] += 2 * MARGIN
    return flat
