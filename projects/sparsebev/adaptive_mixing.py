"""Adaptive mixing: each query decodes what it sampled with weights of its own."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparse3d.models.layers.linear import Linear


def mix(sampled: Tensor, channel_weights: Tensor, point_weights: Tensor) -> Tensor:
    """Mix channels, then points; each followed by a norm over the whole matrix and ReLU.

    Args:
        sampled: [..., P, C].
        channel_weights: [..., C, C].
        point_weights: [..., P_out, P].

    Returns:
        [..., P_out, C].

    Source: SparseBEV (ICCV 2023), section 3.4, after AdaMixer.
    """
    mixed = torch.matmul(sampled, channel_weights)
    mixed = F.relu(F.layer_norm(mixed, mixed.shape[-2:]))
    mixed = torch.matmul(point_weights.to(mixed.dtype), mixed)
    return F.relu(F.layer_norm(mixed, mixed.shape[-2:]))


class AdaptiveMixing(nn.Module):
    """Sampled features [B, Q, G, P, C / G] into the query's feature [B, Q, C].

    Args:
        channels: C.
        num_points: P, frames times points of a group.
        num_groups: G.
        out_points: rows after the mixing of points.
    """

    def __init__(self, channels: int = 256, num_points: int = 32, num_groups: int = 4,
                 out_points: int = 128) -> None:
        super().__init__()
        self.num_groups, self.num_points, self.out_points = num_groups, num_points, out_points
        self.width = channels // num_groups
        per_group = self.width * self.width + num_points * out_points
        self.parameter_generator = Linear(channels, num_groups * per_group)
        self.output = Linear(self.width * out_points * num_groups, channels)
        self.init_weights()

    def init_weights(self) -> None:
        """As published: at first the same mixing for every query."""
        nn.init.zeros_(self.parameter_generator.weight)

    def forward(self, sampled: Tensor, query: Tensor) -> Tensor:
        """Mix and add the query feature [B, Q, C]."""
        batch, count = query.shape[:2]
        weights = self.parameter_generator(query).view(batch * count, self.num_groups, -1)
        of_channels, of_points = weights.split(
            [self.width * self.width, self.num_points * self.out_points], -1)
        mixed = mix(sampled.flatten(0, 1).to(weights.dtype),
                    of_channels.unflatten(-1, (self.width, self.width)),
                    of_points.unflatten(-1, (self.out_points, self.num_points)))
        return query + self.output(mixed.reshape(batch, count, -1))
