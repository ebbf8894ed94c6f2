"""Positions of queries: as fractions and their logits, and as vectors."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from sparse3d.models.layers.precision import at_least_float32

SMALLEST = 1e-5  # fractions are kept this far from 0 and from 1


def logit(fraction: Tensor) -> Tensor:
    """Inverse of the sigmoid, finite everywhere; in float32 at least."""
    fraction = at_least_float32(fraction).clamp(0, 1)
    return (fraction.clamp(min=SMALLEST) / (1 - fraction).clamp(min=SMALLEST)).log()


def pixel_logits(shape: tuple[int, int], device: torch.device) -> Tensor:  # [h * w, 2]
    """Logits of x / w and y / h of the pixel centers of a map, row by row."""
    height, width = shape
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device),
                          indexing='ij')
    return logit(torch.stack([(x + 0.5) / width, (y + 0.5) / height], dim=-1).flatten(0, 1))


class PositionEmbedding(nn.Module):
    """A vector for each position, learned by a small network.

    Args:
        inputs: numbers of a position.
        channels: of the vector.
        norm: whether the network has a batch normalization; positions in cells need one,
            logits of fractions do not.

    Source: TransFusion (CVPR 2022), released code.
    """

    def __init__(self, inputs: int, channels: int, norm: bool = True) -> None:
        super().__init__()
        layers = [nn.Conv1d(inputs, channels, 1), nn.ReLU(), nn.Conv1d(channels, channels, 1)]
        if norm:
            layers.insert(1, nn.BatchNorm1d(channels))
        self.network = nn.Sequential(*layers)

    def forward(self, positions: Tensor) -> Tensor:  # [B, Q, inputs] -> [B, Q, channels]
        """Embed positions."""
        return self.network(positions.transpose(1, 2)).transpose(1, 2)
