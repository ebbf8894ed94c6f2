"""The small network that all parts of Sparse4D are made of."""
from __future__ import annotations

from torch import nn


def mlp(channels: int, linears: int, blocks: int, in_channels: int | None = None
        ) -> list[nn.Module]:
    """``blocks`` times (``linears`` times (Linear, ReLU), then LayerNorm)."""
    layers: list[nn.Module] = []
    given = channels if in_channels is None else in_channels
    for _ in range(blocks):
        for _ in range(linears):
            layers += [nn.Linear(given, channels), nn.ReLU(inplace=True)]
            given = channels
        layers.append(nn.LayerNorm(channels))
    return layers
