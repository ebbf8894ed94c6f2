"""Convolution, layer normalization over channels, ReLU."""
from __future__ import annotations

from torch import nn

from sparse3d.models.layers.channel_norm import ChannelNorm


def convolution_block(in_channels: int, channels: int) -> nn.Sequential:
    """A 3 x 3 convolution with normalization and ReLU; works for any batch size."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1), ChannelNorm(channels),
                         nn.ReLU())
