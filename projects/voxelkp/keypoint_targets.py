"""Which cell stands for which person, and what the head should say there."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_targets import (
    AS_PUBLISHED,
    Drawing,
    drawn_radii,
    gaussian_std,
)


@dataclass(frozen=True)
class People:
    """Labeled people of one frame.

    Attributes:
        boxes: [M, 7] x, y, z of the center, dx, dy, dz, yaw; meters, radians, LiDAR frame.
        joints: [M, K, 3] meters, LiDAR frame.
        visibility: [M, K] 0 missing, 1 occluded, 2 visible.
    """

    boxes: Tensor
    joints: Tensor
    visibility: Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    def to(self, device: torch.device | str) -> People:
        """On another device."""
        return People(*(part.to(device) for part in (self.boxes, self.joints, self.visibility)))


@dataclass(frozen=True)
class Targets:
    """What the head should say; P people of all frames that have a cell."""

    heatmap: Tensor     # [N] in 0..1, exactly 1 at the people's cells
    rows: Tensor        # [P] int64, cell of each person
    positions: Tensor   # [P, 1 + K, 3] center and joints: cells from the cell's index, meters
    size: Tensor        # [P, 3] logarithm of meters
    heading: Tensor     # [P, 2] cos, sin
    visibility: Tensor  # [P, K]
    boxes: Tensor       # [P, 7] as in People

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def valid(self) -> Tensor:  # [P, K] bool
        """Labeled joints, visible or occluded."""
        return self.visibility > 0


def assign_targets(
        coordinates: Tensor,        # [N, 3] integers (frame, y, x)
        people: Sequence[People],   # of each frame
        grid: BEVGrid,
        drawing: Drawing = AS_PUBLISHED,
) -> Targets:
    """Give each person the nearest occupied cell of the frame.

    The heatmap is the larger of two Gaussians, around the person's center and around the
    person's cell. People in a frame without any cell are left out. The location of a missing
    joint is that of the box's center, so that numbers stay finite.

    Source: released VoxelNeXt-style assigner of VoxelKP.
    """
    frame, cells = coordinates[:, 0].long(), coordinates[:, [2, 1]].float()
    heatmap = cells.new_zeros(len(cells))
    rows, kept = [], []
    for number, of_frame in enumerate(people):
        own = (frame == number).nonzero().squeeze(1)
        if len(own) == 0 or len(of_frame) == 0:
            continue
        heat, nearest = _frame_targets(cells[own], of_frame, grid, drawing)
        heatmap[own] = heat
        rows.append(own[nearest])
        kept.append(of_frame)
    return _collect(heatmap, rows, kept, people, cells, grid)


def _frame_targets(cells: Tensor, people: People, grid: BEVGrid,
                   drawing: Drawing) -> tuple[Tensor, Tensor]:
    """Heatmap [n] of a frame's cells [n, 2], and the nearest cell of each person [M]."""
    boxes = people.boxes.float()
    centers = grid.clamped(grid.to_cells(boxes[:, :2]))               # [M, 2]
    squares = (cells[:, None] - centers).square().sum(-1)             # [n, M]
    nearest = squares.argmin(0)
    from_nearest = (cells[:, None] - cells[nearest]).square().sum(-1)
    spread = gaussian_std(drawn_radii(boxes, grid, drawing))
    exponent = torch.minimum(squares, from_nearest) / (2 * spread.square())
    return (-exponent).exp().amax(1), nearest


def _collect(heatmap: Tensor, rows: list[Tensor], kept: list[People], people: Sequence[People],
             cells: Tensor, grid: BEVGrid) -> Targets:
    joints = people[0].joints.shape[1] if len(people) else 0
    where = torch.cat([heatmap.new_zeros(0, dtype=torch.int64), *rows])
    boxes = torch.cat([heatmap.new_zeros(0, 7), *(part.boxes[:, :7].float() for part in kept)])
    located = torch.cat([heatmap.new_zeros(0, joints, 3), *(part.joints.float() for part in kept)])
    visibility = torch.cat([heatmap.new_zeros(0, joints),
                            *(part.visibility.float() for part in kept)])
    located = torch.where(visibility[..., None] > 0, located, boxes[:, None, :3])
    places = torch.cat([boxes[:, None, :3], located], 1)              # [P, 1 + K, 3]
    offsets = grid.to_cells(places[..., :2])
    offsets[:, 0] = grid.clamped(offsets[:, 0])
    offsets = offsets - cells[where][:, None]
    codes = CenterBoxCoder(grid, cosine_first=True).encode(boxes)
    return Targets(heatmap, where, torch.cat([offsets, places[..., 2:]], -1), codes[:, 3:6],
                   codes[:, 6:8], visibility, boxes)
