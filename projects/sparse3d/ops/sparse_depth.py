"""LiDAR depths in the images: what a camera branch learns geometry from."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.projection import NEAR

MEAN_DEPTH, DEPTH_VARIANCE = 14.41, 156.89  # meters, square meters; of nuScenes


def sparse_depth(
        points: list[Tensor],  # of each sample [P, >= 3]  x, y, z, .., age in seconds (column 4)
        rig: CameraRig,
        stride: int = 4,
        published_padding: bool = False,
) -> Tensor:                   # [B * N, 2, H / stride, W / stride]  depth, whether there is one
    """Normalized depth of the nearest point in each pixel, and a mask of the pixels with one.

    Only points of the newest sweep count (age 0), since older ones stand where things were.

    Args:
        published_padding: see :meth:`CameraRig.visible_size`.

    Source: SparseFusion (ICCV 2023), section 3.4; numbers as in the released code.
    """
    height, width = (size // stride for size in rig.image_size)
    size = rig.visible_size(published_padding).floor()
    maps = []
    for sample, cloud in enumerate(points):
        newest = cloud[cloud[:, 4] == 0] if cloud.shape[1] > 4 else cloud
        maps.append(_depths(newest[:, :3], rig.of_sample(sample), size[sample], stride,
                            (height, width)))
    depth = torch.cat(maps)  # [B * N, H, W]
    mask = depth.isfinite()
    normal = ((depth - MEAN_DEPTH) / DEPTH_VARIANCE ** 0.5).masked_fill(~mask, 0)
    return torch.stack([normal, mask.to(normal.dtype)], dim=1)


def _depths(xyz: Tensor, rig: CameraRig, size: Tensor, stride: int,
            shape: tuple[int, int]) -> Tensor:  # [N, h, w]
    """Depth of the nearest point in each pixel of one sample's views, infinite without one."""
    pixels, depth = (part[0] for part in rig.project(xyz[None]))  # [N, P, 2], [N, P]
    seen = ((pixels > 0) & (pixels < size[:, None] - 1)).all(-1) & (depth > NEAR)
    seen &= rig.valid[0, :, None]
    view, point = seen.nonzero(as_tuple=True)
    x, y = (pixels[view, point] / stride).long().unbind(1)
    height, width = shape
    cells = len(size) * height * width
    # A point beyond the last whole pixel goes to a cell of no map: to take it out is a wait.
    cell = torch.where((x < width) & (y < height), (view * height + y) * width + x, cells)
    nearest = depth.new_full((cells + 1, ), torch.inf)
    nearest.scatter_reduce_(0, cell, depth[view, point], 'amin')
    return nearest[:cells].view(len(size), height, width)
