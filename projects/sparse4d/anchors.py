"""Anchors: the boxes of instances as numbers that layers refine, and how they move with time.

anchor [..., 11]: x, y, z of the gravity center in meters; logarithms of dx, dy, dz; sin and cos
of yaw (never normalized: the length of the pair scales key points along x and y); vx, vy, vz in
m/s. All in the LiDAR frame of the sample, yaw counter-clockwise from +x.

Source: Sparse4D (arXiv 2211.10581).
"""
from __future__ import annotations

import torch
from torch import Tensor

CENTER, SIZE = slice(0, 3), slice(3, 6)
SIN, COS = 6, 7
YAW, VELOCITY = slice(6, 8), slice(8, 11)
NUMBERS = 11


def projected(anchors: Tensor, transforms: Tensor, elapsed: Tensor,
              swapped_yaw: bool = False) -> Tensor:
    """Anchors of one time as they stand at another, moved by their velocities.

    Args:
        anchors: [B, A, 11].
        transforms: [B, 4, 4] from their LiDAR frame to the other.
        elapsed: [B] seconds from their time to the other.
        swapped_yaw: put cos where sin belongs and sin where cos belongs, as the released v3.

    Returns:
        [B, A, 11].
    """
    rotation, shift = transforms[:, None, :3, :3], transforms[:, None, :3, 3]
    velocity = anchors[..., VELOCITY]
    moved = anchors[..., CENTER] + velocity * elapsed[:, None, None]
    center = (rotation @ moved[..., None])[..., 0] + shift
    direction = (rotation[..., :2, :2] @ anchors[..., [COS, SIN], None])[..., 0]  # cos, sin
    yaw = direction if swapped_yaw else direction.flip(-1)
    return torch.cat([center, anchors[..., SIZE], yaw,
                      (rotation @ velocity[..., None])[..., 0]], -1)


def boxes_of(anchors: Tensor) -> Tensor:
    """Boxes [..., 10] of anchors: center, dx, dy, dz, yaw in (-pi, pi], vx, vy, vz."""
    yaw = torch.atan2(anchors[..., SIN], anchors[..., COS])
    return torch.cat([anchors[..., CENTER], anchors[..., SIZE].exp(), yaw[..., None],
                      anchors[..., VELOCITY]], -1)
