"""Queries from a heat map: its highest peaks over all classes and cells."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparse3d.models.center.bev_grid import cell_centers
from sparse3d.models.center.peaks import Peaks, local_peaks, top_peaks


@dataclass
class FirstQueries:
    """Queries before the decoder.

    Attributes:
        peaks: of the heat map, one for each query.
        features: [B, Q, C].
        positions: [B, Q, 2] x, y in cells of the map.
    """

    peaks: Peaks
    features: Tensor
    positions: Tensor


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


def queries_of_peaks(
        heat: Tensor,                  # [B, K, H, W]  logits
        bev: Tensor,                   # [B, C, H, W]
        class_encoding: ClassEncoding,
        count: int,
        unsuppressed_classes: Sequence[int] = (),
        valid: Tensor | None = None,   # [B] bool
) -> FirstQueries:
    """A query for each of the highest peaks of the heat map.

    Args:
        count: of the queries of a sample; fewer on a smaller map.
        unsuppressed_classes: see :func:`sparse3d.models.center.peaks.local_peaks`.
        valid: samples whose map means something; the peaks of others have probability 0.

    Source: TransFusion (CVPR 2022), section 3.2.
    """
    probability = heat.detach().float().sigmoid()
    if valid is not None:
        probability = probability * valid[:, None, None, None]
    peaks = top_peaks(local_peaks(probability, unsuppressed_classes).flatten(2), count)
    return FirstQueries(peaks, class_encoding(bev.flatten(2), peaks),
                        cell_centers(bev)[peaks.cells])


def peak_scores(logits: Tensor, peaks: Peaks) -> Tensor:  # [B, K, Q] -> [B, Q, K]
    """Class probability times the peak's, for the class of the peak; 0 for the others."""
    own = F.one_hot(peaks.labels, logits.shape[1])  # [B, Q, K]
    return logits.float().sigmoid().transpose(1, 2) * own * peaks.scores[..., None]
