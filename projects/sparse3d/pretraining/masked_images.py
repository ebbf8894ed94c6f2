"""Masked pre-training of a convolutional image backbone: hidden patches are to be painted."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.pretraining.masked_layers import (
    draw_patch_mask,
    enlarged,
    norm_of_visible,
    refuse_other_layers,
    visible,
)

PATCH = 32  # pixels, the stride of a whole ResNet
SHARPNESS = 1e-6  # added to a patch's variance


class Densify(nn.Module):
    """Holes filled: a norm of what is there, a learned vector elsewhere, a convolution.

    Source: SparK (ICLR 2023), section 3.2.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.token = nn.Parameter(torch.zeros(1, in_channels, 1, 1))
        nn.init.trunc_normal_(self.token, std=0.02, a=-0.02, b=0.02)
        self.project = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """[M, C, H, W] and visible patches [M, 1, h, w] -> [M, C', H, W]."""
        shown = enlarged(mask, tuple(features.shape[-2:]))
        return self.project(torch.where(shown, norm_of_visible(self.norm, mask, features),
                                        self.token))


class PatchDecoder(nn.Module):
    """A light U-Net from the deepest map to an image of full size.

    Args:
        channels: of the backbone's maps, finest first.
        width: of the deepest step; each step halves it.
        steps: doublings of the resolution.

    Source: SparK (ICLR 2023), section 3.2.
    """

    def __init__(self, channels: Sequence[int], width: int = 768, steps: int = 5) -> None:
        super().__init__()
        widths = [max(width >> step, 8) for step in range(steps + 1)]
        self.densify = nn.ModuleList(
            Densify(of_map, widths[step], 3 if step else 1)
            for step, of_map in enumerate(reversed(channels)))
        self.steps = nn.ModuleList(_doubling(*pair) for pair in zip(
            widths[:-1], widths[1:], strict=True))
        self.paint = nn.Conv2d(widths[-1], 3, 1)

    def forward(self, maps: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Maps [M, C, H_l, W_l], finest first, and visible patches -> images [M, 3, H, W]."""
        features: Tensor | None = None
        dense = [part(level, mask) for part, level in zip(
            self.densify, reversed(list(maps)), strict=True)]
        for number, step in enumerate(self.steps):
            if number < len(dense):
                features = dense[number] if features is None else features + dense[number]
            features = step(features)
        return self.paint(features)


def _doubling(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(width, width, 4, 2, 1),
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU6(),
        nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out))


@MODELS.register_module()
class MaskedImagePretraining(BaseModel):
    """Learn an image backbone from pictures without labels.

    Each picture of each camera is a sample. The backbone has the name that it has in the detector
    (``part``), so that it loads by name (:mod:`sparse3d.pretraining.encoder_files`).

    Args:
        image_backbone: config of a convolutional backbone that gives all of its maps, each half as
            large as the one before.
        channels: of these maps, finest first.
        part: the backbone's name in the detector.
        patch: side of what is hidden in pixels: the stride of the last map.
        ratio: share of the patches that is hidden.
        decoder_channels: at the deepest map.
        data_preprocessor: config of the one that gives ``imgs`` [B, V, 3, H, W].

    Raises:
        ConfigError: for a backbone that is not convolutional.

    Source: SparK (ICLR 2023, arXiv 2301.03580).
    """

    def __init__(self, image_backbone: dict, channels: Sequence[int], part: str = 'image_backbone',
                 patch: int = PATCH, ratio: float = 0.6, decoder_channels: int = 768,
                 data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.part, self.patch, self.ratio = part, patch, ratio
        self.add_module(part, MODELS.build(image_backbone))
        refuse_other_layers(self.network)
        self.decoder = PatchDecoder(channels, decoder_channels, patch.bit_length() - 1)

    @property
    def network(self) -> nn.Module:
        """The backbone, whatever its name is."""
        return self.get_submodule(self.part)

    def forward(self, inputs: dict, data_samples: Any = None,
                mode: str = 'tensor') -> dict[str, Tensor] | list[Tensor]:
        """Loss, or with ``mode='tensor'`` the backbone's maps of masked pictures.

        Raises:
            ConfigError: for ``mode='predict'``: there is nothing to detect.
        """
        if mode == 'predict':
            raise ConfigError('a pre-training detects nothing; train a detector with '
                              'pretrained_encoder=FILE and test that')
        images = present_images(inputs['imgs'], data_samples)
        mask = self.draw(images)
        maps = self.masked_maps(images, mask)
        if mode != 'loss':
            return maps
        return dict(loss_patches=patch_loss(self.decoder(maps, mask), images, mask,
                                            self.patch))

    def draw(self, images: Tensor) -> Tensor:
        """Visible patches [M, 1, h, w] of images [M, 3, H, W]; each process draws its own."""
        seed = int(torch.randint(1 << 62, ())) + get_rank()
        size = images.shape[-2] // self.patch, images.shape[-1] // self.patch
        generator = torch.Generator().manual_seed(seed)
        return draw_patch_mask(len(images), size, self.ratio, generator).to(images.device)

    def masked_maps(self, images: Tensor, mask: Tensor) -> list[Tensor]:
        """The backbone's maps of images [M, 3, H, W] of which the visible patches are seen."""
        shown = images * enlarged(mask, tuple(images.shape[-2:]))
        with visible(self.network, mask):
            return list(self.network(shown))


def present_images(images: Tensor, data_samples: Sequence[Any] | None) -> Tensor:
    """The pictures [M, 3, H, W] of a batch [B, V, 3, H, W] that are not missing."""
    flat = images.flatten(0, -4) if images.ndim > 4 else images
    marks = [sample.metainfo.get('image_valid') for sample in data_samples or ()]
    if not marks or any(mark is None or len(mark) != images.shape[1] for mark in marks):
        return flat
    valid = torch.tensor([[bool(each) for each in mark] for mark in marks], device=images.device)
    return flat[valid.flatten()] if bool(valid.any()) else flat


def patches_of(images: Tensor, side: int) -> Tensor:
    """[M, 3, H, W] -> [M, h * w, 3 * side * side]."""
    count, channels, height, width = images.shape
    parts = images.reshape(count, channels, height // side, side, width // side, side)
    return parts.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def patch_loss(painted: Tensor, images: Tensor, mask: Tensor, side: int = PATCH) -> Tensor:
    """Mean squared error of hidden patches, each of the true ones normalized by itself.

    Args:
        painted: [M, 3, H, W].
        images: [M, 3, H, W].
        mask: [M, 1, h, w] visible patches.
        side: of a patch in pixels.

    Source: SparK (ICLR 2023), section 3.3; released code (unbiased variance + 1e-6).
    """
    true = patches_of(images.float(), side)
    mean, variance = true.mean(-1, keepdim=True), true.var(-1, keepdim=True)
    true = (true - mean) / (variance + SHARPNESS).sqrt()
    errors = (patches_of(painted.float(), side) - true).square().mean(-1)
    return errors[~mask.flatten(1)].mean()
