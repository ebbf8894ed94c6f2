"""Geometry for the cameras: LiDAR depths joined to the image features, level by level."""
from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut; the shortcut is learned where size changes."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(
            nn.Conv2d(channels, channels, 1, stride), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:  # [B, C, H, W] -> [B, C, H / s, W / s]
        """Transform a map."""
        found = self.bn2(self.conv2(self.bn1(self.conv1(features)).relu()))
        return (found + self.shortcut(features)).relu()


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
            ResidualBlock(channels, 1 if level == 0 else 2) for level in range(num_levels))
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
