"""A trained model with zeros in its weights."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.atomic_files import atomic_file, check_file_place, make_folder, refuse_same_file
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.checkpoints.written import refuse_safetensors_name
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.layers import LINEAR, Prunable, weights_of_layers
from sparse3d.weight_sparsity.masks import KEY, WeightMasks
from sparse3d.weight_sparsity.patterns import (
    check_blocks,
    check_share,
    checked_block,
    largest,
    two_of_four,
)
from sparse3d.weight_sparsity.report import SparsityReport, sparsity_report
from sparse3d.weight_sparsity.schedules import DISTRIBUTIONS

TWO_OF_FOUR, UNIFORM = '2:4', 'uniform'


@dataclass(frozen=True)
class Pruning:
    """What becomes zero.

    Attributes:
        pattern: ``'2:4'``, or None for the smallest weights by ``sparsity``.
        sparsity: share of zeros of a layer.
        block: rows and columns that become zero together.
        distribution: of the share over layers: ``'uniform'`` or ``'erk'``.
        kinds: of layers, see :func:`~sparse3d.weight_sparsity.layers.weights_of_layers`.
        include: pattern of names of weights that alone are taken.
        exclude: pattern of names that stay dense.
    """

    pattern: str | None = TWO_OF_FOUR
    sparsity: float | None = None
    block: tuple[int, int] = (1, 1)
    distribution: str = UNIFORM
    kinds: Sequence[str] = (LINEAR, )
    include: str = ''
    exclude: str = ''


def prune(config: str | PathLike | None, source: str | PathLike, target: str | PathLike,
          pruning: Pruning | None = None, frames: int = 0,
          cfg_options: dict[str, Any] | None = None) -> SparsityReport:
    """Mask a checkpoint's weights once and write it, with its masks.

    The file is an ordinary checkpoint with zeros: it tests, exports and publishes as it is. Train
    it further with ``WeightSparsityHook(mode='fixed')`` and ``load_from``. Masks that it has of
    other layers stay.

    Args:
        config: of the model; None for the one that the checkpoint holds or names.
        source: the trained checkpoint.
        target: ``*.pth``.
        pruning: what becomes zero; 2:4 on linear layers by default.
        frames: 1 counts the multiplications of a frame of the test set as well.
        cfg_options: override the config.

    Raises:
        ConfigError: if nothing can be pruned so, both a pattern and a share are given, or one of
            these with options of the other.
        CheckpointError: as for any checkpoint.
        UnwritableFile: if the target cannot be written.
    """
    pruning = pruning or Pruning()
    _check(pruning)
    refuse_safetensors_name(target)
    check_file_place(target)
    refuse_same_file(source, target)
    opened = open_checkpoint(source)
    loaded, _ = open_with_config(config, opened, cfg_options)
    model = build_model(loaded, opened)
    layers = weights_of_layers(model, pruning.kinds, pruning.include, pruning.exclude)
    earlier = WeightMasks.unpacked(opened.content.get(KEY, {}), opened.path)
    earlier.check(model, opened.path)
    masks = WeightMasks({**earlier.masks,
                         **_masks([each for each in layers if not each.refused], pruning)})
    masks.apply(model)
    report = sparsity_report(model, layers, masks, _batch(loaded) if frames else None)
    content = {key: value for key, value in opened.content.items()
               if key not in ('optimizer', 'param_schedulers', 'message_hub', 'ema_state_dict')
               } if 'state_dict' in opened.content else {}
    content.update(state_dict=model.state_dict(), **{KEY: masks.packed()})
    make_folder(Path(target).parent)
    with atomic_file(Path(target)) as stream:
        torch.save(content, stream)
    return report


def _check(pruning: Pruning) -> None:
    if (pruning.pattern is None) == (pruning.sparsity is None):
        raise ConfigError('weights become zero by a pattern (2:4) or by a share (sparsity): give '
                          'one of them')
    block = checked_block(pruning.block)
    if pruning.pattern is None:
        check_share(pruning.sparsity)
    elif pruning.pattern != TWO_OF_FOUR:
        raise ConfigError(f'there is no pattern {pruning.pattern!r}; use {TWO_OF_FOUR}')
    elif block != (1, 1) or pruning.distribution != UNIFORM:
        raise ConfigError(f'block {block[0]} x {block[1]} and distribution '
                          f'{pruning.distribution!r} are of a share, not of {TWO_OF_FOUR}: give '
                          f'a sparsity as well, or leave them out')
    if pruning.distribution not in DISTRIBUTIONS:
        raise ConfigError(f'there is no distribution {pruning.distribution!r}; use '
                          f'{" or ".join(DISTRIBUTIONS)}')


def _masks(chosen: Sequence[Prunable], pruning: Pruning) -> dict[str, Tensor]:
    if pruning.pattern == TWO_OF_FOUR:
        return {each.name: two_of_four(each.weight) for each in chosen}
    for each in chosen:
        check_blocks(each.weight.shape, pruning.block, each.name)
    shares = DISTRIBUTIONS[pruning.distribution](
        {each.name: each.weight.shape for each in chosen}, pruning.sparsity)
    return {each.name: largest(each.weight, shares[each.name], pruning.block) for each in chosen}


def _batch(config: Any) -> dict:
    from sparse3d.apis.sample_frames import build_dataset
    return pseudo_collate([build_dataset(config, 'test')[0]])
