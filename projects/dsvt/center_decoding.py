"""From the center head's maps to boxes."""
from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from dsvt.center_targets import MapGrid
from sparse3d.ops.rotated_iou import bev_boxes
from sparse3d.ops.rotated_nms import rotated_nms


class Candidates(NamedTuple):
    """Boxes of one sample before suppression."""

    boxes: Tensor    # [n, 7]  x, y, z center, dx, dy, dz, yaw; meters, radians
    scores: Tensor   # [n]     heat in [0, 1]
    labels: Tensor   # [n] int64
    quality: Tensor  # [n]     predicted overlap in [0, 1]


def decode_codes(
        codes: Tensor,  # [n, 8]  x, y within the cell, z, log dx, dy, dz, cos, sin
        cells: Tensor,  # [n] int64  number of the cell in its sample, row by row
        width: int,
        grid: MapGrid,
) -> Tensor:            # [n, 7]  x, y, z center, dx, dy, dz, yaw
    """Boxes from the values predicted at cells."""
    column = torch.stack([cells % width, cells.div(width, rounding_mode='floor')], dim=1)
    xy = (column + codes[:, :2]) * codes.new_tensor(grid.cell) + codes.new_tensor(grid.origin)
    yaw = torch.atan2(codes[:, 7:8], codes[:, 6:7])
    return torch.cat([xy, codes[:, 2:3], codes[:, 3:6].exp(), yaw], dim=1)


def candidates(
        heat: Tensor,     # [classes, H, W]  in [0, 1]
        codes: Tensor,    # [8, H, W]
        quality: Tensor,  # [H, W]  in [-1, 1] units
        grid: MapGrid,
        max_candidates: int = 500,
        score_threshold: float = 0.1,
        center_range: Sequence[float] = (-80, -80, -10, 80, 80, 10),
) -> Candidates:
    """The best cells over all classes that pass the threshold and lie in ``center_range``."""
    cells = heat.shape[1] * heat.shape[2]
    scores, best = heat.flatten().topk(min(max_candidates, heat.numel()))
    label, cell = best.div(cells, rounding_mode='floor'), best % cells
    boxes = decode_codes(codes.flatten(1)[:, cell].T, cell, heat.shape[2], grid)
    limits = boxes.new_tensor(center_range)
    kept = (scores > score_threshold) & (boxes[:, :3] >= limits[:3]).all(1)
    kept &= (boxes[:, :3] <= limits[3:]).all(1)
    overlap = ((quality.flatten()[cell] + 1) / 2).clamp(0, 1)
    return Candidates(boxes[kept], scores[kept], label[kept], overlap[kept])


def rectified_scores(candidates: Candidates, rectifier: Sequence[float]) -> Tensor:
    """heat ** (1 - a) * quality ** a with a of the box's class, [n].

    Source: DSVT (CVPR 2023), appendix; CIA-SSD (AAAI 2021), equation 4.
    """
    power = candidates.scores.new_tensor(rectifier)[candidates.labels]
    return candidates.scores ** (1 - power) * candidates.quality ** power


def suppress(
        boxes: Tensor,    # [n, 7]
        scores: Tensor,   # [n]
        labels: Tensor,   # [n]
        iou_thresholds: Sequence[float],  # one for each class
        nms_pre: int = 4096,
        nms_post: int = 500,
        published_turned_nms: bool = False,
) -> Tensor:              # [k] rows that stay, by class, best first
    """Rotated non-maximum suppression within each class.

    Args:
        nms_pre, nms_post: boxes of a class that enter and that leave.
        published_turned_nms: turn every box by 90 degrees about its center before overlaps
            are measured, which is what the released code does.
    """
    flat = bev_boxes(boxes)
    if published_turned_nms:
        flat = torch.cat([flat[:, :4], flat[:, 4:] + pi / 2], dim=1)
    kept = []
    for label, threshold in enumerate(iou_thresholds):
        rows = (labels == label).nonzero().squeeze(1)
        rows = rows[scores[rows].argsort(descending=True, stable=True)[:nms_pre]]
        kept.append(rows[rotated_nms(flat[rows], scores[rows], threshold)[:nms_post]])
    return torch.cat(kept)
