"""Where an instance is, as features."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparse4d.anchors import CENTER, SIZE, VELOCITY, YAW
from sparse4d.mlp import mlp

PARTS = dict(center=CENTER, size=SIZE, yaw=YAW, velocity=VELOCITY)


class AnchorEncoder(nn.Module):
    """Embed the parts of an anchor, each by a network of its own.

    Args:
        channels: of the embedding of center, size, yaw and velocity. They are concatenated.
        blocks: of each network.
        summed: the embeddings are summed and pass a fifth network, as in v1 and v2; all have the
            same channels then.

    Source: Sparse4D v3 (arXiv 2311.11722); v1 (arXiv 2211.10581).
    """

    def __init__(self, channels: Sequence[int] = (128, 32, 32, 64), blocks: int = 4,
                 summed: bool = False) -> None:
        super().__init__()
        self.parts = nn.ModuleDict()
        for (name, columns), width in zip(PARTS.items(), channels, strict=True):
            numbers = columns.stop - columns.start
            self.parts[name] = nn.Sequential(*mlp(width, 1, blocks, numbers))
        self.output = nn.Sequential(*mlp(channels[-1], 1, blocks)) if summed else None

    def forward(self, anchors: Tensor) -> Tensor:
        """Embeddings [..., C] of anchors [..., 11]."""
        found = [part(anchors[..., PARTS[name]]) for name, part in self.parts.items()]
        if self.output is None:
            return torch.cat(found, -1)
        return self.output(sum(found))
