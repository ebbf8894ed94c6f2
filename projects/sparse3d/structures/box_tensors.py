"""Boxes as tensors: z at the bottom face, as everywhere between files and heads, or at the center.

See the drawing in :mod:`sparse3d.structures.box_conversions`.
"""
from __future__ import annotations

import torch
from torch import Tensor


def lifted(boxes: Tensor, part: float) -> Tensor:
    """Boxes [..., >= 7] moved up by a part of their height."""
    z = boxes[..., 2:3] + boxes[..., 5:6] * part
    return torch.cat([boxes[..., :2], z, boxes[..., 3:]], dim=-1)


def at_centers(boxes: Tensor) -> Tensor:
    """Boxes [..., >= 7] with z at the bottom face -> the same with z at the center."""
    return lifted(boxes, 0.5)


def at_bottoms(boxes: Tensor) -> Tensor:
    """Boxes [..., >= 7] with z at the center -> the same with z at the bottom face."""
    return lifted(boxes, -0.5)


def with_velocities(boxes: Tensor, known: Tensor | None = None) -> Tensor:
    """Boxes [n, 7 or 9] with a velocity, NaN where it is not known, [n, 9].

    Args:
        known: [n] bool, which velocities of the boxes were measured; default: all they have.
    """
    if boxes.shape[1] < 9:
        velocity = boxes.new_full((len(boxes), 2), torch.nan)
    else:
        velocity = boxes[:, 7:9]
        if known is not None:
            velocity = velocity.masked_fill(~known.to(boxes.device)[:, None], torch.nan)
    return torch.cat([boxes[:, :7], velocity], dim=1)
