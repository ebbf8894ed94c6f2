"""The released way of sampling on a machine without its CUDA kernel, for comparison.

Every point is projected by a matrix of its own, all frames and groups stand in the batch,
and ``grid_sample`` in three dimensions (view, y, x) reads one level after the other.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def regroup(maps: Sequence[Tensor], frames: int, groups: int) -> list[Tensor]:
    """Maps [B, T*N, C, H, W] as [B*T*G, C/G, N, H, W], made once for all passes."""
    regrouped = []
    for level in maps:
        batch, images, channels, height, width = level.shape
        split = level.view(batch, frames, images // frames, groups, channels // groups, height,
                           width)
        regrouped.append(split.permute(0, 1, 3, 4, 2, 5, 6).flatten(0, 2).contiguous())
    return regrouped


def sample_by_grid(
        regrouped: Sequence[Tensor],    # L x [B*T*G, C/G, N, H_l, W_l]
        points: Tensor,                 # [B, Q, T, G*P, 3]
        level_weights: Tensor,          # [B, Q, T, G*P, L]
        lidar2img: Tensor,              # [B, T, N, 4, 4]
        image_size: tuple[int, int],
        groups: int,
) -> Tensor:                            # [B, Q, T, G*P, C/G]
    """What :func:`sparse3d.ops.sample_views.sample_views` gives with the published options.

    Source: SparseBEV (ICCV 2023), released code, described in words.
    """
    batch, queries, frames, count, _ = points.shape
    views = lidar2img.shape[2]
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], -1)
    homogeneous = homogeneous.transpose(1, 2)[:, :, None, ..., None]
    matrices = lidar2img[:, :, :, None, None].expand(-1, -1, -1, queries, count, -1, -1)
    seen_from = (matrices @ homogeneous.expand(-1, -1, views, -1, -1, -1, -1))[..., 0]
    depth = seen_from[..., 2:3].clamp(min=1e-5)                     # [B, T, N, Q, G*P, 1]
    size = points.new_tensor([image_size[1], image_size[0]])
    place = seen_from[..., :2] / depth / size
    inside = (seen_from[..., 2] > 1e-5) & (place > 0).all(-1) & (place < 1).all(-1)
    view = inside.to(torch.uint8).argmax(2)                         # [B, T, Q, G*P]
    chosen = place.permute(0, 1, 3, 4, 2, 5).gather(
        4, view[..., None, None].expand(*view.shape, 1, 2))[..., 0, :]
    depth_axis = view[..., None] / max(views - 1, 1)
    grid = torch.cat([chosen, depth_axis.to(chosen.dtype)], -1) * 2 - 1
    grid = _by_group(grid, groups)                                  # [B*T*G, Q, P, 3]
    weights = _by_group(level_weights.transpose(1, 2), groups)
    total = 0
    for level, maps in enumerate(regrouped):
        read = F.grid_sample(maps, grid[:, :, :, None], align_corners=True)[..., 0]
        total = total + read * weights[..., level][:, None]         # [B*T*G, C/G, Q, P]
    total = total.view(batch, frames, groups, -1, queries, count // groups)
    return total.permute(0, 4, 1, 2, 5, 3).flatten(3, 4)


def _by_group(values: Tensor, groups: int) -> Tensor:
    """[B, T, Q, G*P, .] -> [B*T*G, Q, P, .]."""
    return values.unflatten(3, (groups, -1)).transpose(2, 3).flatten(0, 2)
