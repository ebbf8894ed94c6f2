"""The points of a box where an instance looks."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from sparse4d.anchors import CENTER, COS, SIN, SIZE

# The center, and six points along the axes, in sizes of the box.
FIXED = ((0., 0., 0.), (.45, 0., 0.), (-.45, 0., 0.), (0., .45, 0.), (0., -.45, 0.),
         (0., 0., .45), (0., 0., -.45))


class AnchorKeypoints(nn.Module):
    """Fixed points of a box, and points that follow from the features of its instance.

    Args:
        channels: of the features.
        learned: number of points of the second kind.
        noisy: the fixed points start as noise, as in the released v3.

    Source: Sparse4D (arXiv 2211.10581), section 3.2.
    """

    def __init__(self, channels: int, learned: int = 6, noisy: bool = False) -> None:
        super().__init__()
        fixed = torch.tensor(FIXED)
        self.register_buffer('fixed', nn.init.xavier_uniform_(fixed) if noisy else fixed)
        self.learned = nn.Linear(channels, learned * 3) if learned else None

    @property
    def count(self) -> int:
        """Number P of points."""
        return len(self.fixed) + (self.learned.out_features // 3 if self.learned else 0)

    def init_weights(self) -> None:
        """As published."""
        if self.learned is not None:
            nn.init.xavier_uniform_(self.learned.weight)
            nn.init.zeros_(self.learned.bias)

    def forward(self, anchors: Tensor, features: Tensor | None) -> Tensor:
        """Points [B, A, P, 3] in meters of anchors [B, A, 11].

        Args:
            features: [B, A, C]; None for the fixed points alone.
        """
        scale = self.fixed.to(anchors.dtype).expand(*anchors.shape[:2], -1, -1)
        if self.learned is not None and features is not None:
            drawn = self.learned(features).unflatten(-1, (-1, 3)).sigmoid() - 0.5
            scale = torch.cat([scale, drawn.to(anchors.dtype)], 2)
        x, y, z = (scale * anchors[..., None, SIZE].exp()).unbind(-1)
        sin, cos = anchors[..., SIN, None], anchors[..., COS, None]
        turned = torch.stack([cos * x - sin * y, sin * x + cos * y, z], -1)
        return turned + anchors[..., None, CENTER]
