"""Where the matter is in each column: heights at which map cells meet the images."""
from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys, max_groups, min_groups


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
    sample, _, y, x = coordinates.unbind(1)
    cell = cell_keys((sample, y // stride, x // stride), (height, width), batch_size)
    voxel, place = there.nonzero(as_tuple=True)
    cell, z = cell[voxel], z[voxel, place]
    shape = batch_size, height, width
    lowest = min_groups(z, cell, prod(shape), empty=torch.inf)
    highest = max_groups(z, cell, prod(shape), empty=-torch.inf)
    occupied = lowest.isfinite()
    middle = torch.where(occupied, (lowest + highest) / 2, 0)
    return middle.view(shape), occupied.view(shape)
