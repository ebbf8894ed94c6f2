"""Random brightness, contrast, color and channel order, for a batch of images on the device."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

_SMALL = 1e-8


@dataclass(frozen=True)
class PhotometricDraw:
    """What is done to each of M images; the neutral value where nothing is.

    Attributes:
        brightness: (M,) is added to all channels, in gray values 0-255.
        early_contrast: (M,) factor before the change of color.
        saturation: (M,) factor.
        hue: (M,) degrees.
        late_contrast: (M,) factor after the change of color.
        channels: (M, 3) new order of red, green, blue.
    """
    brightness: np.ndarray
    early_contrast: np.ndarray
    saturation: np.ndarray
    hue: np.ndarray
    late_contrast: np.ndarray
    channels: np.ndarray


def draw_photometric_distortion(
        count: int, probability: float = 0.5, brightness: float = 32.0,
        contrast: tuple[float, float] = (0.5, 1.5), saturation: tuple[float, float] = (0.5, 1.5),
        hue: float = 18.0,
) -> PhotometricDraw:
    """Draw for ``count`` images, each on its own, from ``numpy.random``.

    Contrast is changed before or after the color, with equal chances.
    """
    def perhaps(values: np.ndarray, neutral: float) -> np.ndarray:
        return np.where(np.random.rand(count) < probability, values, neutral)

    early = np.random.rand(count) < 0.5
    factor = perhaps(np.random.uniform(*contrast, count), 1.0)
    shuffled = np.argsort(np.random.rand(count, 3), axis=1)
    swapped = np.random.rand(count, 1) < probability
    return PhotometricDraw(
        brightness=perhaps(np.random.uniform(-brightness, brightness, count), 0.0),
        early_contrast=np.where(early, factor, 1.0), late_contrast=np.where(early, 1.0, factor),
        saturation=perhaps(np.random.uniform(*saturation, count), 1.0),
        hue=perhaps(np.random.uniform(-hue, hue, count), 0.0),
        channels=np.where(swapped, shuffled, np.arange(3)))


def distort_photometrically(
        images: Tensor,         # [M, 3, H, W] BGR, 0-255
        draw: PhotometricDraw,
        clip: bool = True,
) -> Tensor:                    # [M, 3, H, W] BGR
    """Change brightness, contrast, saturation, hue, contrast, and the order of the channels.

    Args:
        clip: keep the result within 0-255. The released code does not.

    Source: SparseBEV (ICCV 2023), released code, after SSD (arXiv 1512.02325), section 2.2.
    """
    if not len(images):
        return images

    def each(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=images.dtype, device=images.device).view(-1, 1, 1)

    images = (images + each(draw.brightness)[:, None]) * each(draw.early_contrast)[:, None]
    hue, saturation, value = to_hsv(images.flip(1)).unbind(1)
    hue = (hue + each(draw.hue)) % 360
    rgb = from_hsv(torch.stack([hue, saturation * each(draw.saturation), value], dim=1))
    rgb = rgb * each(draw.late_contrast)[:, None]
    order = torch.as_tensor(draw.channels, device=images.device)[:, :, None, None]
    bgr = torch.gather(rgb, 1, order.expand_as(rgb)).flip(1)
    return bgr.clamp(0, 255) if clip else bgr


def to_hsv(images: Tensor) -> Tensor:
    """RGB [M, 3, H, W] of 0-255 as hue 0-360, saturation 0-1, value 0-255."""
    value, place = images.max(dim=1)
    span = value - images.min(dim=1).values
    saturation = span / (value + 255 * _SMALL)
    safe = torch.where(span == 0, torch.ones_like(span), span)
    red, green, blue = images.unbind(1)
    sixths = torch.stack([(green - blue) / safe, (blue - red) / safe + 2,
                          (red - green) / safe + 4], dim=1)
    hue = torch.gather(sixths, 1, place[:, None]).squeeze(1) * 60 % 360
    return torch.stack([hue, saturation, value], dim=1)


def from_hsv(images: Tensor) -> Tensor:
    """The inverse of :func:`to_hsv`."""
    hue, saturation, value = images.unbind(1)
    # Each channel falls from the value by its distance from the hue, in sixths of the circle.
    position = torch.stack([(hue / 60 + shift) % 6 for shift in (5, 3, 1)], dim=1)
    share = torch.minimum(position, 4 - position).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * share)


@MODELS.register_module()
class PhotometricDistortion(nn.Module):
    """Random photometric distortion of BGR images [M, 3, H, W] of 0-255, before normalization.

    In evaluation images pass unchanged.

    Args:
        probability, brightness, contrast, saturation, hue: see
            :func:`draw_photometric_distortion`.
        published_unclipped: let values leave 0-255, as the released code does.
    """

    def __init__(self, probability: float = 0.5, brightness: float = 32.0,
                 contrast: Sequence[float] = (0.5, 1.5), saturation: Sequence[float] = (0.5, 1.5),
                 hue: float = 18.0, published_unclipped: bool = False) -> None:
        super().__init__()
        self.options: dict[str, Any] = dict(
            probability=probability, brightness=brightness, contrast=contrast,
            saturation=saturation, hue=hue)
        self.published_unclipped = published_unclipped

    def forward(self, images: Tensor) -> Tensor:
        """Distort each image on its own."""
        if not self.training:
            return images
        draw = draw_photometric_distortion(len(images), **self.options)
        return distort_photometrically(images.float(), draw, not self.published_unclipped)
