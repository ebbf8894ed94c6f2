"""Boxes as TransFusion's branches regress them, in cells of the map."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

BOX_BRANCHES = ('center', 'height', 'dim', 'rot', 'vel')


class TransFusionBoxCoder:
    """Boxes in meters to and from the numbers of the branches.

    ========  =====================================================
    branch    numbers
    ========  =====================================================
    center    x, y in cells of the map, counted from its corner
    height    z of the middle in meters (of the top: see below)
    dim       logarithms of dx, dy, dz in meters
    rot       sine and cosine of the yaw
    vel       vx, vy in meters per second, where there is a velocity
    ========  =====================================================

    Boxes as drawn in :mod:`sparse3d.structures.box_conversions`; the two axes may have
    different ranges and voxel sizes.

    Args:
        point_cloud_range: x, y, z minimum, x, y, z maximum of the map, meters.
        voxel_size: x, y(, z) of a voxel, meters.
        stride: voxels per cell of the map along each axis.
        velocity: whether boxes have the two numbers of a velocity.
        top_height: the height branch gives the top of the box, as in the
            released DSVT for nuScenes.

    Source: TransFusion (CVPR 2022), section 3.2; released code.
    """

    def __init__(self, point_cloud_range: Sequence[float], voxel_size: Sequence[float],
                 stride: int, velocity: bool = True, top_height: bool = False) -> None:
        self.minimum = [float(value) for value in point_cloud_range[:2]]
        self.cell = [float(value) * stride for value in voxel_size[:2]]
        self.velocity = velocity
        self.height_above_bottom = 1.0 if top_height else 0.5
        extent = [float(point_cloud_range[axis + 3]) - self.minimum[axis] for axis in range(2)]
        self.map_size = tuple(round(extent[axis] / self.cell[axis]) for axis in range(2))  # x, y
        self.extent = extent

    @property
    def code_size(self) -> int:
        """Numbers per box: 10 with a velocity, 8 without."""
        return 10 if self.velocity else 8

    def to_cells(self, xy: Tensor) -> Tensor:  # [..., 2] meters -> [..., 2] cells
        """Positions in BEV, from meters to cells."""
        return (xy - xy.new_tensor(self.minimum)) / xy.new_tensor(self.cell)

    def to_meters(self, xy: Tensor) -> Tensor:  # [..., 2] cells -> [..., 2] meters
        """Positions in BEV, from cells to meters."""
        return xy * xy.new_tensor(self.cell) + xy.new_tensor(self.minimum)

    def encode(self, boxes: Tensor) -> Tensor:  # [N, 7 or 9] -> [N, 8 or 10]
        """Numbers that the branches should give for ``boxes``.

        A velocity that is not known (NaN, or no such columns) becomes NaN here; the targets
        leave it out of the loss.
        """
        z = boxes[:, 2:3] + boxes[:, 5:6] * self.height_above_bottom
        codes = [self.to_cells(boxes[:, :2]), z, boxes[:, 3:6].clamp(min=1e-3).log(),
                 boxes[:, 6:7].sin(), boxes[:, 6:7].cos()]
        if self.velocity:
            known = boxes.shape[1] >= 9
            codes.append(boxes[:, 7:9] if known else boxes.new_full((len(boxes), 2), torch.nan))
        return torch.cat(codes, dim=1)

    def stack(self, branches: Mapping[str, Tensor]) -> Tensor:  # [B, C, Q] each -> [B, Q, 8 or 10]
        """Outputs of the branches side by side, in the order of :meth:`encode`."""
        names = BOX_BRANCHES if self.velocity else BOX_BRANCHES[:-1]
        return torch.cat([branches[name] for name in names], dim=1).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:  # [..., 8 or 10] -> [..., 7 or 9]
        """Boxes in meters, from codes in the order of :meth:`encode`; in float32 at least."""
        codes = codes.float() if codes.dtype in (torch.float16, torch.bfloat16) else codes
        size = codes[..., 3:6].exp()
        bottom = codes[..., 2:3] - size[..., 2:3] * self.height_above_bottom
        yaw = torch.atan2(codes[..., 6:7], codes[..., 7:8])
        return torch.cat([self.to_meters(codes[..., :2]), bottom, size, yaw, codes[..., 8:]],
                         dim=-1)
