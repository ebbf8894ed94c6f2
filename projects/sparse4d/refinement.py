"""From the features of an instance to a better anchor, its classes and its quality."""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sparse4d.anchors import NUMBERS, VELOCITY
from sparse4d.mlp import mlp

PRIOR = 0.01  # of each class, when the training begins


class Scale(nn.Module):
    """A learned factor for each number of an anchor."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(count))

    def forward(self, values: Tensor) -> Tensor:
        """Scaled values [..., count]."""
        return values * self.scale


class Refinement(nn.Module):
    """Refine anchors and classify instances.

    Args:
        channels: of the features.
        num_classes: K.
        with_quality: predict centerness and yawness, too (v3).
        add_yaw: sin and cos are added to those of the anchor; False: they replace them (v1).

    Source: Sparse4D (arXiv 2211.10581); v3 (arXiv 2311.11722).
    """

    def __init__(self, channels: int, num_classes: int, with_quality: bool = True,
                 add_yaw: bool = True) -> None:
        super().__init__()
        self.refined = VELOCITY.start if add_yaw else VELOCITY.start - 2
        self.box = nn.Sequential(*mlp(channels, 2, 2), nn.Linear(channels, NUMBERS),
                                 Scale(NUMBERS))
        self.classes = nn.Sequential(*mlp(channels, 1, 2), nn.Linear(channels, num_classes))
        self.quality = nn.Sequential(*mlp(channels, 1, 2), nn.Linear(channels, 2)) \
            if with_quality else None
        self.init_weights()

    def init_weights(self) -> None:
        """Every class is rare at the beginning."""
        nn.init.constant_(self.classes[-1].bias, -math.log(1 / PRIOR - 1))

    def forward(self, features: Tensor, anchors: Tensor, embedding: Tensor, interval: Tensor,
                classify: bool = True) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Refined anchors [B, A, 11], class logits [B, A, K] and quality logits [B, A, 2].

        Args:
            features, embedding: [B, A, C].
            interval: [B] seconds since the frame before, of either sign; a way is predicted and
                divided by it.
            classify: False leaves logits and quality out.
        """
        found = self.box(features + embedding).to(anchors.dtype)
        refined = torch.cat([
            found[..., :self.refined] + anchors[..., :self.refined],
            found[..., self.refined:VELOCITY.start],
            found[..., VELOCITY] / interval.to(found)[:, None, None] + anchors[..., VELOCITY]], -1)
        if not classify:
            return refined, None, None
        quality = None if self.quality is None else self.quality(features + embedding)
        return refined, self.classes(features), quality
