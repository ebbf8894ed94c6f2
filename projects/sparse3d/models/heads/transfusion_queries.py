"""Queries from a heat map: its highest peaks over all classes and cells."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


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
    small = list(unsuppressed_classes)
    highest[:, small] = heat[:, small]
    return heat * (heat == highest)


def top_peaks(heat: Tensor, count: int) -> Peaks:  # [B, K, cells]
    """The ``count`` highest values over classes and cells, or all if there are fewer."""
    cells = heat.shape[-1]
    flat = heat.flatten(1)
    scores, place = flat.topk(min(count, flat.shape[1]), dim=1)
    return Peaks(labels=place.div(max(cells, 1), rounding_mode='floor'),
                 cells=place % max(cells, 1), scores=scores)


class ClassEncoding(nn.Module):
    """A vector for each class, added to the features of queries."""

    def __init__(self, num_classes: int, channels: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoding = nn.Conv1d(num_classes, channels, 1)

    def forward(self,
                features: Tensor,  # [B, C, cells]
                peaks: Peaks,
                ) -> Tensor:       # [B, Q, C]
        """Features of the peaks' cells with the vectors of their classes."""
        index = peaks.cells[:, None].expand(-1, features.shape[1], -1)
        one_hot = F.one_hot(peaks.labels, self.num_classes).transpose(1, 2).to(features.dtype)
        return (features.gather(2, index) + self.encoding(one_hot)).transpose(1, 2)
