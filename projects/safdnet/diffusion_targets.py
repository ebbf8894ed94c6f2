"""What the voxel classification of adaptive feature diffusion should say."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import heatmap_loss
from sparse3d.ops.box_members import box_members
from sparse3d.ops.cells import sum_groups
from sparse3d.ops.pair_chunks import PAIRS_AT_ONCE

PAIRS_ELSEWHERE = 1 << 23  # on a device, where each part is waited for
MARGIN = 1e-5  # meters that a box is larger on each side


def diffusion_targets(
        coordinates: Tensor,        # [N, 3]  sample, y, x
        boxes: Sequence[Tensor],    # B x [n, >= 7]  meters, LiDAR frame
        labels: Sequence[Tensor],   # B x [n]
        grid: BEVGrid,
        groups: Sequence[Sequence[int]],
) -> Tensor:                        # [N, groups] bool
    """Whether the center of each cell lies in a box of each group, seen from above."""
    sample = coordinates[:, :1].float()
    centers = grid.to_meters(coordinates[:, [2, 1]].float() + 0.5)
    points = torch.cat([centers, sample], dim=1)  # the samples lie above each other
    flat = torch.cat([_from_above(of_sample[:, :7].to(points), number)
                      for number, of_sample in enumerate(boxes)])
    names = torch.cat([of_sample.to(points.device) for of_sample in labels])
    member = torch.stack([sum((names == label for label in group), torch.zeros_like(names))
                          for group in groups], dim=1)                    # [n, groups]
    at_once = PAIRS_AT_ONCE if points.device.type == 'cpu' else PAIRS_ELSEWHERE
    box, inside = box_members(points, flat, at_once)
    return sum_groups(member[box], inside, len(points)) > 0


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


def _from_above(boxes: Tensor, sample: int) -> Tensor:
    """Boxes [n, 7] around the height of their sample, a little larger."""
    flat = boxes.clone()
    flat[:, 2], flat[:, 5] = sample - 0.25, 0.5
    flat[:, 3:5] += 2 * MARGIN
    return flat
