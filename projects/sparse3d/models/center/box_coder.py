"""Boxes as heads on maps regress them: place in cells, logarithms of sizes, sine and cosine."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.layers.precision import at_least_float32

SMALLEST_SIZE = 1e-3  # meters, so that logarithms stay finite


@dataclass(frozen=True)
class CenterBoxCoder:
    """Boxes in meters to and from numbers on a map.

    ========  =====================================================
    columns   numbers
    ========  =====================================================
    0, 1      x, y in cells: of the map, or from the corner of the object's cell
    2         z in meters: of the box's z plus ``height`` times dz
    3 to 5    logarithms of dx, dy, dz in meters
    6, 7      sine and cosine of the yaw, or cosine and sine
    8, 9      vx, vy in meters per second, where there is a velocity
    ========  =====================================================

    Attributes:
        grid: of the map.
        velocity: whether boxes have the two numbers of a velocity.
        cosine_first: order of columns 6 and 7; that of published weights.
        height: 0 keeps z; with LiDAR boxes, whose z is the bottom, 0.5 is the middle.

    Source: CenterPoint (CVPR 2021), section 4; order of columns as in the released code.
    """

    grid: BEVGrid
    velocity: bool = False
    cosine_first: bool = False
    height: float = 0.0

    @property
    def code_size(self) -> int:
        """Numbers per box: 10 with a velocity, 8 without."""
        return 10 if self.velocity else 8

    def encode(self, boxes: Tensor, cells: Tensor | None = None) -> Tensor:
        """Numbers that a head should give for boxes [N, 7 or 9], [N, 8 or 10].

        A velocity that is not known (NaN, or no such columns) becomes NaN.

        Args:
            cells: [N, 2] x, y of the cells that places are counted from; default: the map's corner.
        """
        places = self.grid.to_cells(boxes[:, :2])
        if cells is not None:
            places = places - cells
        z = boxes[:, 2:3] + boxes[:, 5:6] * self.height
        yaw = boxes[:, 6:7]
        turn = [yaw.cos(), yaw.sin()] if self.cosine_first else [yaw.sin(), yaw.cos()]
        codes = [places, z, boxes[:, 3:6].clamp(min=SMALLEST_SIZE).log(), *turn]
        if self.velocity:
            known = boxes.shape[1] >= 9
            codes.append(boxes[:, 7:9] if known else boxes.new_full((len(boxes), 2), torch.nan))
        return torch.cat(codes, dim=1)

    def decode(self, codes: Tensor, cells: Tensor | None = None) -> Tensor:
        """Boxes [..., 7 or 9] in meters, from codes [..., 8 or 10]; in float32 at least."""
        codes = at_least_float32(codes)
        places = codes[..., :2] if cells is None else codes[..., :2] + cells
        size = codes[..., 3:6].exp()
        z = codes[..., 2:3] - size[..., 2:3] * self.height
        sine, cosine = codes[..., 6:7], codes[..., 7:8]
        yaw = torch.atan2(cosine, sine) if self.cosine_first else torch.atan2(sine, cosine)
        return torch.cat([self.grid.to_meters(places), z, size, yaw, codes[..., 8:]], dim=-1)
