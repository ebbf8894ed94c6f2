"""A pyramid from one map: what a plain transformer needs in place of an FPN."""
from __future__ import annotations

import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.models.layers.channel_norm import ChannelNorm


class NormedConvolution(nn.Conv2d):
    """Convolution without bias, then a norm over the channels."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__(channels, out, kernel, padding=kernel // 2, bias=False)
        self.norm = ChannelNorm(out)

    def forward(self, features: Tensor) -> Tensor:
        """[M, C, H, W] -> [M, C', H, W]."""
        return self.norm(super().forward(features))


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """A plain transformer with the pyramid on its last map: strides 4, 8, 16, 32 and 64.

    The pyramid belongs to the backbone: it learns at its rate and is pre-trained with it.

    Args:
        net: config of the transformer; its last map has stride 16.
        in_channels: of that map.
        out_channels: of every level.

    Source: ViTDet (arXiv 2203.16527), section 3.
    """

    def __init__(self, net: dict, in_channels: int = 1024, out_channels: int = 256,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.net = MODELS.build(net)
        half, quarter = in_channels // 2, in_channels // 4
        up = nn.ConvTranspose2d(in_channels, half, 2, 2)
        self.simfp_2 = nn.Sequential(
            up, ChannelNorm(half), nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, 2),
            *_closing(quarter, out_channels))
        self.simfp_3 = nn.Sequential(nn.ConvTranspose2d(in_channels, half, 2, 2),
                                     *_closing(half, out_channels))
        self.simfp_4 = nn.Sequential(*_closing(in_channels, out_channels))
        self.simfp_5 = nn.Sequential(nn.MaxPool2d(2, 2), *_closing(in_channels, out_channels))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [M, 3, H, W] to five levels [M, C, H_l, W_l]."""
        last = self.net(images)[-1]
        levels = [getattr(self, f'simfp_{stage}')(last) for stage in range(2, 6)]
        return (*levels, F.max_pool2d(levels[-1], 1, 2))


def _closing(channels: int, out: int) -> tuple[nn.Module, nn.Module]:
    return NormedConvolution(channels, out, 1), NormedConvolution(out, out, 3)
