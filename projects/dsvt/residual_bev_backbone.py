"""Residual 2D network on the map, with its scales joined at the end."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.layers.residual_block import ResidualBlock


@MODELS.register_module()
class ResidualBEVBackbone(nn.Module):
    """Stages of residual blocks, each brought to one scale, then joined.

    Args:
        in_channels: of the map.
        layer_nums: residual blocks of each stage.
        layer_strides: stride of each stage's first block.
        out_channels: of each stage.
        upsample_strides: how much each stage is enlarged; 0.5 makes it smaller.
        upsample_channels: of each enlarged stage.
        eps, momentum: of the batch normalizations.

    Source: DSVT (CVPR 2023), released configs.
    """

    def __init__(self, in_channels: int, layer_nums: Sequence[int] = (2, 3, 3),
                 layer_strides: Sequence[int] = (1, 2, 2),
                 out_channels: Sequence[int] = (128, 128, 256),
                 upsample_strides: Sequence[float] = (1, 2, 4),
                 upsample_channels: Sequence[int] = (128, 128, 128),
                 eps: float = 1e-3, momentum: float = 0.01) -> None:
        super().__init__()
        norm_cfg = dict(eps=eps, momentum=momentum)
        self.blocks, self.deblocks = nn.ModuleList(), nn.ModuleList()
        before = in_channels
        for count, stride, channels in zip(layer_nums, layer_strides, out_channels, strict=True):
            first = ResidualBlock(before, channels, stride, True, norm_cfg)
            rest = [ResidualBlock(channels, channels, 1, False, norm_cfg)
                    for _ in range(count - 1)]
            self.blocks.append(nn.Sequential(first, *rest))
            before = channels
        for channels, stride, out in zip(out_channels, upsample_strides, upsample_channels,
                                         strict=True):
            self.deblocks.append(nn.Sequential(
                _rescale(channels, out, stride), nn.BatchNorm2d(out, **norm_cfg), nn.ReLU()))
        self.divisor = max(1, *(_product(layer_strides[:stage + 1])
                                for stage in range(len(layer_strides))))

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, C, H, W] -> one map [B, sum of upsample_channels, H', W'].

        Raises:
            ConfigError: if the strides do not divide the map.
        """
        if x.shape[2] % self.divisor or x.shape[3] % self.divisor:
            raise ConfigError(f'a map of {x.shape[2]} x {x.shape[3]} cells cannot be halved to '
                              f'1/{self.divisor} and back: choose a range and a voxel size that '
                              f'give multiples of {self.divisor} cells')
        scales = []
        for block, deblock in zip(self.blocks, self.deblocks, strict=True):
            x = block(x)
            scales.append(deblock(x))
        return [torch.cat(scales, dim=1)]


def _rescale(in_channels: int, out_channels: int, stride: float) -> nn.Module:
    if stride >= 1:
        return nn.ConvTranspose2d(in_channels, out_channels, int(stride), int(stride), bias=False)
    step = round(1 / stride)
    return nn.Conv2d(in_channels, out_channels, step, step, bias=False)


def _product(numbers: Sequence[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
