"""The residual block of dense maps."""
from __future__ import annotations

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    Args:
        in_channels, out_channels: of the map before and after.
        stride: of the first convolution.
        project: whether the shortcut is a normalized 1 x 1 convolution; it must be where the size
            changes.
        norm_cfg: ``eps`` and ``momentum`` of the batch normalizations.
        shortcut_bias: of that convolution, as some published weights have it.

    Source: ResNet (CVPR 2016), figure 2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, project: bool = False,
                 norm_cfg: dict | None = None, shortcut_bias: bool = False) -> None:
        super().__init__()
        norm_cfg = norm_cfg or {}
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels, **norm_cfg)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels, **norm_cfg)
        self.shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=shortcut_bias),
            nn.BatchNorm2d(out_channels, **norm_cfg)) if project else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H / stride, W / stride]."""
        found = self.bn2(self.conv2(self.bn1(self.conv1(features)).relu()))
        return (found + self.shortcut(features)).relu()
