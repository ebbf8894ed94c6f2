"""Channels of a map weighed by what the whole map holds."""
from __future__ import annotations

from mmdet3d.registry import MODELS
from torch import Tensor, nn

from squeezed.published import SqueezedPublished


@MODELS.register_module()
class ChannelSqueeze(nn.Module):
    """Squeeze and excitation.

    Args:
        channels: of the map.
        reduction: how much narrower the middle of the excitation is.
        published: quirks; with ``hard_sigmoid`` weigh with the piecewise linear sigmoid of the
            published weights.

    Source: Squeeze-and-Excitation Networks (CVPR 2018), section 3.
    """

    published_set = SqueezedPublished

    def __init__(self, channels: int, reduction: int = 4,
                 published: dict | SqueezedPublished | None = None) -> None:
        super().__init__()
        self.excite = nn.Sequential(
            nn.Linear(channels, channels // reduction), nn.ReLU(),
            nn.Linear(channels // reduction, channels))
        hard = SqueezedPublished.of(published).hard_sigmoid
        self.sigmoid = nn.Hardsigmoid() if hard else nn.Sigmoid()

    def weights(self, bev: Tensor) -> Tensor:
        """One weight between 0 and 1 for each channel of maps [B, C, H, W]: [B, C]."""
        return self.sigmoid(self.excite(bev.mean(dim=(2, 3))))

    def forward(self, bev: Tensor) -> Tensor:
        """The weighed maps [B, C, H, W]."""
        return bev * self.weights(bev)[:, :, None, None]
