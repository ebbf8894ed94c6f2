"""The highest places of maps and tables."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


@dataclass
class Peaks:
    """The highest peaks of a batch of maps, highest first.

    Attributes:
        labels: [B, Q] class of each peak.
        cells: [B, Q] its index in the flattened map.
        scores: [B, Q] its probability; 0 where a map has fewer peaks than were asked for.
    """

    labels: Tensor
    cells: Tensor
    scores: Tensor


def local_peaks(
        heat: Tensor,                         # [B, K, H, W]  probabilities
        unsuppressed_classes: Sequence[int] = (),
        window: int = 3,
) -> Tensor:                                  # [B, K, H, W]
    """Keep the heat of cells that are the highest of their window, zero elsewhere.

    The border of the map, where the window is not complete, has no peaks.

    Args:
        unsuppressed_classes: classes so small that each cell counts as a peak.
        window: cells along each side.

    Source: TransFusion (CVPR 2022), section 3.2; released code.
    """
    border = window // 2
    highest = torch.zeros_like(heat)
    if min(heat.shape[-2:]) >= window:
        inner = F.max_pool2d(heat, window, stride=1)
        highest[..., border:heat.shape[-2] - border, border:heat.shape[-1] - border] = inner
    for small in unsuppressed_classes:
        highest[:, small] = heat[:, small]
    return heat * (heat == highest)


def top_peaks(heat: Tensor, count: int) -> Peaks:  # [B, K, cells]
    """The ``count`` highest values over classes and cells, or all if there are fewer."""
    scores, labels, cells = top_entries(heat, count)
    return Peaks(labels=labels, cells=cells, scores=scores)


def top_entries(table: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:  # [..., R, C]
    """The highest values of tables, highest first, their rows and their columns, [..., Q] each.

    All of them if there are fewer than ``count``.
    """
    columns = max(table.shape[-1], 1)
    flat = table.flatten(-2)
    values, place = flat.topk(min(count, flat.shape[-1]), dim=-1)
    return values, place.div(columns, rounding_mode='floor'), place % columns
