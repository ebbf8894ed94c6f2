"""Dense depth from the feature maps: a further loss in training."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.errors import ConfigError, DataError


@MODELS.register_module()
class DepthBranch(BaseModule):
    """One depth for each cell of the first feature maps.

    Depth grows with the focal length of the image, as things of one size do: what the map says is
    for a focal length of ``equal_focal``.

    Args:
        channels: of the feature maps.
        num_levels: first levels that have a branch.
        equal_focal: pixels.
        max_depth: meters; what is predicted beyond counts as this.
        loss_weight: of the loss.

    Source: Sparse4D v2 (arXiv 2305.14018) and the released code.
    """

    def __init__(self, channels: int = 256, num_levels: int = 3, equal_focal: float = 100.0,
                 max_depth: float = 60.0, loss_weight: float = 0.2,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if num_levels < 1 or not equal_focal > 0:
            raise ConfigError(f'num_levels ({num_levels}) and equal_focal ({equal_focal}) of the '
                              f'depth branch have to be positive')
        self.equal_focal, self.max_depth, self.loss_weight = equal_focal, max_depth, loss_weight
        self.depth_layers = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(num_levels))

    def forward(self, maps: Sequence[Tensor], focal: Tensor | None = None) -> list[Tensor]:
        """Depth in meters of every cell, L' x [B*N, 1, h, w].

        Args:
            maps: L x [B, N, C, h, w].
            focal: [B, N] focal length of each image in pixels; None stands for ``equal_focal``.
        """
        if len(maps) < len(self.depth_layers):
            raise ConfigError(f'the depth branch has {len(self.depth_layers)} levels, the neck '
                              f'gives {len(maps)}; set num_levels of depth_branch')
        depths = []
        for layer, level in zip(self.depth_layers, maps, strict=False):
            depth = layer(level.flatten(0, 1).float()).exp()
            if focal is not None:
                depth = depth * (focal.reshape(-1, 1, 1, 1) / self.equal_focal)
            depths.append(depth)
        return depths

    def loss(self, depths: Sequence[Tensor], gt_depths: Sequence[Tensor]) -> Tensor:
        """L1 of the cells that have a depth, a mean for each level, summed.

        Args:
            depths: of :meth:`forward`.
            gt_depths: L' x [B, N, h, w] meters; not positive where no point was seen.

        Raises:
            DataError: if the depth maps have other sizes than the feature maps.
        """
        total = depths[0].new_zeros(())
        for depth, wanted in zip(depths, gt_depths, strict=True):
            if depth.numel() != wanted.numel() or depth.shape[-2:] != wanted.shape[-2:]:
                raise DataError(f'depth maps are {tuple(wanted.shape)}, feature maps '
                                f'{tuple(depth.shape)}; image sizes have to be multiples of the '
                                f'strides of DepthMaps')
            pred, wanted = depth.reshape(-1), wanted.reshape(-1).to(depth)
            seen = (wanted > 0) & ~pred.isnan()
            error = (pred.clip(0.0, self.max_depth) - wanted).abs()
            error = torch.where(seen, error, torch.zeros_like(error)).sum()
            total = total + error / (seen.sum() * len(depths)).clamp(min=1) * self.loss_weight
        return total
