"""Bones and weights of the Waymo joints in the loss."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.constants import constant

# In the order of sparse3d.structures.keypoints.JOINTS.
BONES = ((13, 0), (1, 3), (2, 4), (3, 5), (4, 6), (7, 9), (8, 10), (9, 11), (10, 12), (13, 1),
         (13, 2), (1, 7), (2, 8))
OUTER_JOINTS = (5, 6, 11, 12)  # wrists and ankles, which move most
OUTER_WEIGHT = 3.0


def joint_weights(joints: int, like: Tensor) -> Tensor:
    """Weight of each joint in the loss, [joints]: more for wrists and ankles of Waymo's 14.

    Args:
        like: of its type and on its device.
    """
    outer = OUTER_JOINTS if joints == 14 else ()
    return constant([OUTER_WEIGHT if joint in outer else 1.0 for joint in range(joints)], like)


def bone_lengths(joints: Tensor, bones: tuple[tuple[int, int], ...] = BONES) -> Tensor:
    """Length of each bone, [..., K, 3] -> [..., bones]; gradient 0 where a length is 0."""
    start, end = (constant(ends, joints, torch.long) for ends in zip(*bones, strict=True))
    square = (joints[..., start, :] - joints[..., end, :]).square().sum(-1)
    safe = square.clamp(min=1e-12)
    return torch.where(square > 0, safe.sqrt(), square)
