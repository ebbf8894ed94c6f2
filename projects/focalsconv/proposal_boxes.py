"""Boxes of the second stage: residuals to a proposal, its own frame, grid points, corners.

Inside the second stage boxes are (x, y, z_center, dx, dy, dz, yaw), z at the CENTER, meters
and radians in the LiDAR frame; elsewhere z is the bottom face, as drawn in
:mod:`sparse3d.structures.box_conversions`.
"""
from __future__ import annotations

import math

import torch
from torch import Tensor

from sparse3d.ops.constants import constant

CORNERS = tuple((x, y, z) for x in (-.5, .5) for y in (-.5, .5) for z in (-.5, .5))  # of a unit box


def residuals(boxes: Tensor, proposals: Tensor) -> Tensor:
    """What a proposal must be changed by to become a box, [N, 7].

    Center differences in the proposal's frame, horizontally in units of its diagonal and
    vertically of its height; logarithms of size ratios; difference of yaw in [-pi/2, pi/2],
    as if a box and its turned twin were the same.

    Source: SECOND (Sensors 2018), section 3.2; Voxel R-CNN (AAAI 2021), section 3.3.
    """
    offset = _turned(boxes[:, :3] - proposals[:, :3], -proposals[:, 6])
    diagonal = proposals[:, 3:5].norm(dim=1, keepdim=True)
    turn = boxes[:, 6] - proposals[:, 6]
    turn = turn - math.pi * torch.floor(turn / math.pi + 0.5)
    return torch.cat([offset[:, :2] / diagonal, offset[:, 2:] / proposals[:, 5:6],
                      (boxes[:, 3:6] / proposals[:, 3:6]).log(), turn.unsqueeze(1)], 1)


def apply_residuals(box_deltas: Tensor, proposals: Tensor) -> Tensor:
    """The inverse of :func:`residuals`, [N, 7]."""
    diagonal = proposals[:, 3:5].norm(dim=1, keepdim=True)
    offset = torch.cat([box_deltas[:, :2] * diagonal, box_deltas[:, 2:3] * proposals[:, 5:6]], 1)
    return torch.cat([_turned(offset, proposals[:, 6]) + proposals[:, :3],
                      box_deltas[:, 3:6].exp() * proposals[:, 3:6],
                      (box_deltas[:, 6] + proposals[:, 6]).unsqueeze(1)], 1)


def grid_points(proposals: Tensor, size: int) -> Tensor:
    """Centers of size x size x size equal parts of each proposal, x outermost: [N, size ** 3,
    3]."""
    steps = (torch.arange(size, device=proposals.device) + 0.5) / size - 0.5
    parts = torch.stack(torch.meshgrid(steps, steps, steps, indexing='ij'), -1).view(1, -1, 3)
    local = parts * proposals[:, None, 3:6]
    return _turned(local, proposals[:, 6:7]) + proposals[:, None, :3]


def box_corners(boxes: Tensor) -> Tensor:
    """[N, 8, 3] meters."""
    corners = constant(CORNERS, boxes) * boxes[:, None, 3:6]
    return _turned(corners, boxes[:, 6:7]) + boxes[:, None, :3]


def _turned(points: Tensor, yaw: Tensor) -> Tensor:
    """Points [..., 3] rotated about z by yaw [...], counter-clockwise."""
    x, y, z = points.unbind(-1)
    cos, sin = yaw.cos(), yaw.sin()
    return torch.stack([x * cos - y * sin, x * sin + y * cos, z.expand_as(x)], -1)
