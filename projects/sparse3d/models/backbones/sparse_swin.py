"""Swin whose blocks work on the windows with the strongest activation alone."""
from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.backbones.swin import SwinBlock, SwinBlockSequence, SwinTransformer
from mmdet3d.registry import MODELS
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sparse3d.errors import ConfigError
from sparse3d.models.backbones.seen_images import SeenImages
from sparse3d.models.backbones.sparse_swin_published import SparseSwinPublished
from sparse3d.models.backbones.window_pruning import (
    StageRanking,
    WindowGrid,
    attention_mask,
    token_activation,
    window_grid,
)
from sparse3d.models.backbones.window_ratios import (
    Ratios,
    SwinShape,
    block_macs,
    checked_ratios,
)

BUDGETS = ('image', 'sample')
ARGUMENTS = tuple(inspect.signature(SwinTransformer).parameters)


@MODELS.register_module()
class SparseSwin(SwinTransformer):
    """Swin Transformer with window activation pruning.

    Parameters, their names and, where nothing is left out, every bit of the output are those of
    mmdet's ``SwinTransformer``: checkpoints go from one to the other. What a block leaves out
    passes it unchanged. Patch merging and output norms see the whole map.

    Args:
        ratios: for each stage the share of windows that each block leaves out; None: no block
            leaves out any. :meth:`set_ratios` changes them later.
        budget: ``'image'``: every image keeps the same number of windows. ``'sample'``: all images
            of a frame are ranked together, and a camera without much to see keeps few; the
            detector has to say how many cameras a frame has (:class:`SeenImages`), and images
            that are zero everywhere (absent cameras) keep none.
        published: quirks of the release, see :class:`SparseSwinPublished`.
        kwargs: arguments of mmdet's ``SwinTransformer``.

    Raises:
        ConfigError: for ratios that cannot be, see :func:`checked_ratios`, an unknown budget, or
            an option that there is not.

    Source: SparseViT (CVPR 2023, arXiv 2303.17605).
    """

    published_set = SparseSwinPublished
    reads_seen_images = True

    def __init__(self, ratios: Sequence[Sequence[float]] | None = None, budget: str = 'image',
                 published: dict | SparseSwinPublished | None = None, **kwargs: Any) -> None:
        if budget not in BUDGETS:
            raise ConfigError(f'budget is {budget!r}; use one of {", ".join(BUDGETS)}')
        unknown = [name for name in kwargs if name not in ARGUMENTS]
        if unknown:
            raise ConfigError(f'the config gives SparseSwin an option {unknown[0]!r} that it does '
                              f'not have')
        super().__init__(**kwargs)
        self.budget, self.published = budget, SparseSwinPublished.of(published)
        self.depths = [len(stage.blocks) for stage in self.stages]
        self.shape = SwinShape(
            kwargs.get('embed_dims', 96), tuple(self.depths),
            tuple(kwargs.get('strides', (4, 2, 2, 2))), kwargs.get('window_size', 7),
            kwargs.get('mlp_ratio', 4))
        self.set_ratios(ratios)

    def set_ratios(self, ratios: Sequence[Sequence[float]] | None) -> None:
        """Change what is left out from now on; features kept from before are then void.

        Raises:
            ConfigError: see :func:`checked_ratios`.
        """
        self.ratios: Ratios = checked_ratios(ratios, self.depths)

    def feature_settings(self) -> tuple:
        """What the features depend on besides the weights: who keeps features compares it."""
        return tuple(map(tuple, self.ratios)), self.budget, self.published

    def block_macs(self, image_size: tuple[int, int], ratios: Ratios | None = None) -> int:
        """Multiplications of all blocks for one image, see :func:`block_macs`."""
        return block_macs(self.shape, image_size, self.ratios if ratios is None else ratios,
                          self.published.truncation)

    def train(self, mode: bool = True) -> SparseSwin:
        """Switch to training; frozen stages stay as they are."""
        super().train(mode)
        return self

    def forward(self, images: Tensor, seen: SeenImages | None = None) -> list[Tensor]:
        """Maps [M, C, H_l, W_l] of images [M, 3, H, W].

        Args:
            seen: what the detector knows of the images; ``'sample'`` needs its cameras.

        Raises:
            ConfigError: if ``'sample'`` is asked for and the detector does not say how many
                cameras belong together.
        """
        together = self._ranked_together(len(images), seen)
        absent = _absent(images) if self.budget == 'sample' else None
        features, size = self.patch_embed(images)
        if self.use_abs_pos_embed:
            features = features + self.absolute_pos_embed
        features = self.drop_after_pos(features)
        maps = []
        for number, (stage, ratios) in enumerate(zip(self.stages, self.ratios, strict=True)):
            features = self._blocks(stage, features, size, ratios, together, absent)
            if number in self.out_indices:
                normed = getattr(self, f'norm{number}')(features)
                maps.append(normed.unflatten(1, size).permute(0, 3, 1, 2).contiguous())
            if stage.downsample:
                features, size = stage.downsample(features, size)
        return maps

    def _ranked_together(self, images: int, seen: SeenImages | None) -> int:
        if self.budget == 'image':
            return 1
        if seen is None or not seen.cameras or images % seen.cameras:
            raise ConfigError("budget='sample' ranks the windows of all cameras of a frame "
                              "together, and the detector does not say how many cameras a frame "
                              "has; use budget='image'")
        return seen.cameras

    def _blocks(self, stage: SwinBlockSequence, features: Tensor, size: tuple[int, int],
                ratios: list[float], together: int, absent: Tensor | None) -> Tensor:
        ranking = None
        for block, ratio in zip(stage.blocks, ratios, strict=True):
            windowed = ratio > 0 or self.published.padding
            if not windowed:
                features = block(features, size)
                continue
            shift = block.attn.shift_size
            grid = window_grid(*size, block.attn.window_size, shift, features.device)
            if ratio > 0:
                if ranking is None:
                    ranking = StageRanking(token_activation(features), together, absent)
                chosen = ranking.best(grid, shift > 0, ratio, self.published.truncation)
            else:
                chosen = torch.arange(len(grid.tokens), device=features.device).expand(
                    len(features), -1)
            if chosen.shape[1]:
                features = self._pruned(block, features, grid, chosen, absent)
        return features

    def _pruned(self, block: SwinBlock, features: Tensor, grid: WindowGrid, chosen: Tensor,
                absent: Tensor | None) -> Tensor:
        rows = _token_rows(grid, chosen, features.shape[:2], absent)  # [G, K, t]
        areas = None if grid.areas is None else grid.areas[chosen % len(grid.tokens)]

        def run(given: Tensor) -> Tensor:
            return on_windows(block, given, rows, areas, self.published.padding)
        if block.with_cp and features.requires_grad:
            return checkpoint(run, features, use_reentrant=False)
        return run(features)


def on_windows(block: SwinBlock, features: Tensor, rows: Tensor, areas: Tensor | None,
               padding_before_norm: bool) -> Tensor:
    """Run a block on chosen windows; other tokens pass unchanged.

    Args:
        features: [M, L, C].
        rows: [G, K, t] numbers of the windows' tokens among all M * L; M * L is padding.
        areas: [G, K, t] see :class:`WindowGrid`, or None.
        padding_before_norm: padding is zero before the first norm, not behind it.
    """
    (groups, windows, tokens), channels = rows.shape, features.shape[2]
    flat = features.flatten(0, 1)
    with_padding = torch.cat([flat, flat.new_zeros(1, channels)])
    rows = rows.flatten()
    gathered = with_padding[rows].view(groups, windows * tokens, channels)
    normed = block.norm1(gathered)
    if not padding_before_norm:
        outside = (rows == len(flat)).view(groups, windows * tokens, 1)
        normed = normed.masked_fill(outside, 0)
    mask = None if areas is None else attention_mask(areas.flatten(0, 1))
    attended = block.attn.w_msa(normed.view(-1, tokens, channels), mask)
    gathered = block.attn.drop(attended.reshape(gathered.shape)) + gathered
    gathered = block.ffn(block.norm2(gathered), identity=gathered)
    changed = with_padding.index_copy(0, rows, gathered.flatten(0, 1).to(with_padding.dtype))
    return changed[:-1].view(features.shape)


def _token_rows(grid: WindowGrid, chosen: Tensor, shape: torch.Size,
                absent: Tensor | None) -> Tensor:
    """[G, K, t] see :func:`on_windows`; windows of absent images are padding."""
    (images, length), count = shape, len(grid.tokens)
    first = torch.arange(len(chosen), device=chosen.device)[:, None] * (images // len(chosen))
    image = first + chosen // count                    # [G, K]
    tokens = grid.tokens[chosen % count]               # [G, K, t]
    outside = tokens < 0
    if absent is not None:
        outside = outside | absent[image][..., None]
    return (image[..., None] * length + tokens).masked_fill(outside, images * length)


def _absent(images: Tensor) -> Tensor:
    """[M] images that are zero everywhere: normalized ones of a camera never are."""
    return (images == 0).flatten(1).all(1)
