"""Layer normalization over the channels of a map."""
from __future__ import annotations

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of the channels of each cell of a map [B, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize each cell."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
