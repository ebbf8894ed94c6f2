"""A dense convolutional network that sees some patches of its images alone."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import (
    AdaptiveAvgPool2d,
    _AdaptiveAvgPoolNd,
    _AvgPoolNd,
    _MaxPoolNd,
)

from sparse3d.errors import ConfigError

SPREADING = (nn.Conv2d, _MaxPoolNd, _AvgPoolNd)  # their outputs reach into hidden places


@contextmanager
def visible(network: nn.Module, mask: Tensor) -> Iterator[None]:
    """Run an unchanged network so that hidden patches stay zero in all of its layers.

    Every convolution and pooling layer is followed by a product with the mask; batch norms count
    visible places alone; means over the whole map (squeeze and excitation) too. Names, weights and
    results of the network outside of the block stay as they are. Layers that are computed again in
    the backward pass (``with_cp``) would be computed without the mask: switch that off.

    Args:
        network: of convolutions, batch norms, pooling layers (as modules) and pointwise functions.
        mask: [M, 1, h, w] bool, visible patches of the images that it will be given.

    Source: SparK (ICLR 2023, arXiv 2301.03580), section 3.1.
    """
    with ExitStack() as undo:
        for layer in network.modules():
            if isinstance(layer, SPREADING):
                handle = layer.register_forward_hook(partial(_hide, mask))
                undo.callback(handle.remove)
            elif isinstance(layer, _BatchNorm):
                _replace(undo, layer, partial(norm_of_visible, layer, mask))
            elif isinstance(layer, _AdaptiveAvgPoolNd):
                _replace(undo, layer, partial(_mean_of_visible, layer, mask))
        yield


def refuse_other_layers(network: nn.Module) -> None:
    """Refuse a network that :func:`visible` cannot run.

    Raises:
        ConfigError: for one with attention or layer norms (hidden tokens can be left out of it), or
            with other convolutions (deformable ones).
    """
    for layer in network.modules():
        weight = layer._parameters.get('weight')
        attends = isinstance(layer, nn.LayerNorm | nn.MultiheadAttention)
        spreads = weight is not None and weight.dim() > 2 and not isinstance(layer, nn.Conv2d)
        if attends or spreads:
            raise ConfigError(f'the image backbone {type(network).__name__} holds a '
                              f'{type(layer).__name__}; masked pre-training of images is for plain '
                              f'convolutional backbones (ResNet, VoVNet)')


def enlarged(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask of patches [M, 1, h, w] at the resolution of a map (H, W).

    Raises:
        ConfigError: if the map is not a multiple of it.
    """
    rows, columns = mask.shape[-2:]
    height, width = size
    if height % rows or width % columns or height < rows:
        raise ConfigError(f'a map of {height} x {width} cells does not divide into the '
                          f'{rows} x {columns} patches of the mask; image sides have to be '
                          f'multiples of the patch size')
    return mask.repeat_interleave(height // rows, 2).repeat_interleave(width // columns, 3)


def norm_of_visible(norm: _BatchNorm, mask: Tensor, features: Tensor) -> Tensor:
    """Batch norm over the visible places of [M, C, H, W]; zeros elsewhere."""
    shown = enlarged(mask, tuple(features.shape[-2:]))[:, 0]
    rows = features.permute(0, 2, 3, 1)[shown]  # [V, C]
    normed = type(norm).forward(norm, rows[:, :, None, None])[:, :, 0, 0]
    filled = normed.new_zeros(*shown.shape, rows.shape[1])
    return filled.index_put((shown, ), normed).permute(0, 3, 1, 2).contiguous()


def _hide(mask: Tensor, layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
    if _is_mean(mask, output):
        return output
    return output * enlarged(mask, tuple(output.shape[-2:]))


def _is_mean(mask: Tensor, output: Tensor) -> bool:
    """Whether it has one place for a whole image."""
    return output.shape[-2:] == (1, 1) != mask.shape[-2:]


def _mean_of_visible(layer: AdaptiveAvgPool2d, mask: Tensor, features: Tensor) -> Tensor:
    if layer.output_size not in (1, (1, 1)):
        raise ConfigError(f'a layer pools to {layer.output_size} places; masked pre-training knows '
                          f'the mean over the whole map alone')
    shown = enlarged(mask, tuple(features.shape[-2:]))
    return (features * shown).sum((2, 3), keepdim=True) / shown.sum((2, 3), keepdim=True)


def _replace(undo: ExitStack, layer: nn.Module, forward: Any) -> None:
    layer.forward = forward
    undo.callback(delattr, layer, 'forward')


def draw_patch_mask(images: int, size: tuple[int, int], ratio: float,
                    generator: torch.Generator | None = None) -> Tensor:
    """Visible patches [images, 1, h, w] bool: in each image ``round((1 - ratio) h w)`` of them.

    Args:
        size: patches along height and width.
        generator: on the CPU.

    Raises:
        ConfigError: if none would be visible, or none hidden.
    """
    patches = size[0] * size[1]
    kept = round((1 - ratio) * patches)
    if not 0 < kept < patches:
        raise ConfigError(f'with a ratio of {ratio} {kept} of {patches} patches would be visible; '
                          f'choose another ratio, or larger images')
    order = torch.rand(images, patches, generator=generator).argsort(1)
    mask = torch.zeros(images, patches, dtype=torch.bool)
    mask.scatter_(1, order[:, :kept], True)
    return mask.view(images, 1, *size)
