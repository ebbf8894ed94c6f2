"""Image features of several strides as one long list of pixels for each view."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.query.positions import pixel_logits
from sparse3d.structures.camera_rig import CameraRig


@dataclass
class ImagePyramid:
    """Features of all views of a batch, sample after sample; S pixels in all levels together.

    Attributes:
        levels: for each level [B * N, C, h, w], finest first.
        padding: [B * N, S] bool, True for pixels without a picture.
        positions: [S, 2] logits of x / w, y / h of the pixel centers.
    """

    levels: list[Tensor]
    padding: Tensor
    positions: Tensor

    @classmethod
    def of(cls, levels: list[Tensor], rig: CameraRig, stride: int) -> ImagePyramid:
        """Collect the levels, whose first has the given stride and each next one twice it."""
        device = levels[0].device
        positions = [pixel_logits(level.shape[-2:], device) for level in levels]
        return cls(levels, padded_pixels(levels, rig, stride), torch.cat(positions))

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each level."""
        return tuple((level.shape[-2], level.shape[-1]) for level in self.levels)

    def flat(self) -> Tensor:  # [B * N, S, C]
        """Features pixel by pixel."""
        return torch.cat([level.flatten(2) for level in self.levels], dim=2).transpose(1, 2)

    def with_levels(self, levels: list[Tensor]) -> ImagePyramid:
        """The same pixels with other features."""
        return ImagePyramid(levels, self.padding, self.positions)


def padded_pixels(levels: list[Tensor], rig: CameraRig, stride: int) -> Tensor:  # [B * N, S]
    """Pixels of the levels outside the picture; all of them for an absent camera."""
    size = (rig.valid_size / stride).flatten(0, 1)  # [B * N, 2]  width, height
    masks = []
    for number, level in enumerate(levels):
        height, width = level.shape[-2:]
        limit = size.div(2 ** number, rounding_mode='floor')
        x = torch.arange(width, device=size.device) >= limit[:, :1]   # [B * N, w]
        y = torch.arange(height, device=size.device) >= limit[:, 1:]  # [B * N, h]
        masks.append((y[:, :, None] | x[:, None]).flatten(1))
    return torch.cat(masks, dim=1) | ~rig.valid.flatten()[:, None]
