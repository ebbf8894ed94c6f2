"""Where the matter is in each column: heights at which map cells meet the images."""
from __future__ import annotations

import torch
from torch import Tensor


def voxel_heights(
        voxels: Tensor,       # [M, P, >= 3]  points of each voxel, x, y, z first
        num_points: Tensor,   # [M]
        coordinates: Tensor,  # [M, 4]  sample, z, y, x
        batch_size: int,
        map_size: tuple[int, int],  # x, y cells of the map
        stride: int,
) -> tuple[Tensor, Tensor]:   # [B, H, W] meters, [B, H, W] bool
    """Middle between the lowest and the highest point of each cell, and which cells have points.

    Cells without points get 0.

    Source: SparseFusion (ICCV 2023), section 3.3; released code.
    """
    width, height = map_size
    z = voxels[..., 2].detach()
    there = torch.arange(z.shape[1], device=z.device) < num_points[:, None]
    cell = coordinates.long()
    cell = (cell[:, 0] * height + cell[:, 2] // stride) * width + cell[:, 3] // stride
    cell = cell[:, None].expand_as(z)[there]
    flat = z.new_zeros(batch_size * height * width)
    lowest = (flat + torch.inf).scatter_reduce(0, cell, z[there], 'amin')
    highest = (flat - torch.inf).scatter_reduce(0, cell, z[there], 'amax')
    occupied = lowest.isfinite()
    middle = torch.where(occupied, (lowest + highest) / 2, flat)
    shape = batch_size, height, width
    return middle.view(shape), occupied.view(shape)
