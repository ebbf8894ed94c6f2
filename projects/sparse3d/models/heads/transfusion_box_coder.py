"""Boxes as TransFusion's branches regress them, in cells of the map."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid, GridOptions
from sparse3d.models.center.box_coder import CenterBoxCoder

BOX_BRANCHES = ('center', 'height', 'dim', 'rot', 'vel')


@dataclass(frozen=True)
class BoxCoderOptions(GridOptions):
    """What a head is given for its coder.

    Attributes:
        top_height: see :class:`TransFusionBoxCoder`.
    """

    top_height: bool = False


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

    Attributes:
        grid: cells of the map.
        extent: of the range along x and y, meters.
        z_range: lowest and highest z of the range, meters.

    Source: TransFusion (CVPR 2022), section 3.2; released code.
    """

    def __init__(self, point_cloud_range: Sequence[float], voxel_size: Sequence[float],
                 stride: int, velocity: bool = True, top_height: bool = False) -> None:
        self.grid = BEVGrid.from_voxels(voxel_size, point_cloud_range, stride)
        self.boxes = CenterBoxCoder(self.grid, velocity,
                                    height=1.0 if top_height else 0.5)
        self.extent = [float(point_cloud_range[axis + 3]) - float(point_cloud_range[axis])
                       for axis in range(2)]
        self.z_range = (float(point_cloud_range[2]), float(point_cloud_range[5]))

    @property
    def map_size(self) -> tuple[int, int]:
        """Cells along x and y."""
        return self.grid.shape

    @property
    def code_size(self) -> int:
        """Numbers per box: 10 with a velocity, 8 without."""
        return self.boxes.code_size

    def to_cells(self, xy: Tensor) -> Tensor:  # [..., 2] meters -> [..., 2] cells
        """Positions in BEV, from meters to cells."""
        return self.grid.to_cells(xy)

    def to_meters(self, xy: Tensor) -> Tensor:  # [..., 2] cells -> [..., 2] meters
        """Positions in BEV, from cells to meters."""
        return self.grid.to_meters(xy)

    def encode(self, boxes: Tensor) -> Tensor:  # [N, 7 or 9] -> [N, 8 or 10]
        """Numbers that the branches should give for ``boxes``.

        A velocity that is not known (NaN, or no such columns) becomes NaN here; the targets
        leave it out of the loss.
        """
        return self.boxes.encode(boxes)

    def stack(self, branches: Mapping[str, Tensor]) -> Tensor:  # [B, C, Q] each -> [B, Q, 8 or 10]
        """Outputs of the branches side by side, in the order of :meth:`encode`."""
        names = BOX_BRANCHES if self.boxes.velocity else BOX_BRANCHES[:-1]
        return torch.cat([branches[name] for name in names], dim=1).transpose(1, 2)

    def decode(self, codes: Tensor) -> Tensor:  # [..., 8 or 10] -> [..., 7 or 9]
        """Boxes in meters, from codes in the order of :meth:`encode`; in float32 at least."""
        return self.boxes.decode(codes)
