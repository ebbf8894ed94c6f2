"""What the head says about every cell on the ground."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder


@dataclass(frozen=True)
class HeadOutputs:
    """Raw predictions for N cells of a batch.

    Positions hold the center of the person in column 0 and the K joints behind it; x and y
    are cells from the index of the cell, z is meters.
    """

    coordinates: Tensor  # [N, 3] integers (frame, y, x)
    batch_size: int
    heatmap: Tensor      # [N] logit of a person
    x: Tensor            # [N, 1 + K]
    y: Tensor            # [N, 1 + K]
    z: Tensor            # [N, 1 + K]
    size: Tensor         # [N, 3] logarithm of meters
    heading: Tensor      # [N, 2] cos, sin
    iou: Tensor          # [N] about 2 * IoU - 1
    visibility: Tensor   # [N, K] about 0 missing, 1 occluded, 2 visible

    def __len__(self) -> int:
        return len(self.coordinates)

    @property
    def frame(self) -> Tensor:  # [N] int64
        """The frame of each cell."""
        return self.coordinates[:, 0].long()

    def select(self, rows: Tensor) -> HeadOutputs:
        """Some of the cells."""
        return HeadOutputs(self.coordinates[rows], self.batch_size, self.heatmap[rows],
                           self.x[rows], self.y[rows], self.z[rows], self.size[rows],
                           self.heading[rows], self.iou[rows], self.visibility[rows])

    def positions(self, grid: BEVGrid) -> Tensor:  # [N, 1 + K, 3]
        """Center and joints in meters, LiDAR frame."""
        cells = torch.stack([self.x, self.y], -1)
        cells = cells + self.coordinates[:, None, [2, 1]].to(cells.dtype)
        return torch.cat([grid.to_meters(cells), self.z[..., None]], -1)

    def boxes(self, grid: BEVGrid) -> Tensor:  # [N, 7]
        """x, y, z of the center, dx, dy, dz, yaw in meters and radians."""
        codes = torch.cat([self.x[:, :1], self.y[:, :1], self.z[:, :1], self.size, self.heading], 1)
        cells = self.coordinates[:, [2, 1]].to(codes.dtype)
        return CenterBoxCoder(grid, cosine_first=True).decode(codes, cells)
