"""Geometry for the cameras: LiDAR depths joined to the image features, level by level."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from sparse3d.models.layers.residual_block import ResidualBlock


class GeometricTransfer(nn.Module):
    """Encode sparse depths and join them with each level of the image features.

    The joined map of a level is its output and the input of the next level's depth block.

    Args:
        image_channels: of the image features.
        channels: of the outputs.
        num_levels: number of levels, each half the size of the one before.

    Source: SparseFusion (ICCV 2023), section 3.4; released code.
    """

    def __init__(self, image_channels: int, channels: int, num_levels: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, channels, 3, padding=1), nn.BatchNorm2d(channels),
                                  nn.ReLU())
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, channels, stride=2 if level else 1, project=level > 0,
                          shortcut_bias=True) for level in range(num_levels))
        self.join = nn.ModuleList(nn.Conv2d(channels + image_channels, channels, 3, padding=1)
                                  for _ in range(num_levels))

    def forward(self, depth: Tensor, images: list[Tensor]) -> list[Tensor]:
        """Joined features of each level [B * N, C, h, w].

        Args:
            depth: [B * N, 2, h, w] of the finest level, see :func:`sparse_depth`.
            images: features of each level [B * N, image_channels, h, w], finest first.
        """
        running, joined = self.stem(depth), []
        for block, join, image in zip(self.blocks, self.join, images, strict=False):
            running = join(torch.cat([block(running), image], dim=1))
            joined.append(running)
        return joined
