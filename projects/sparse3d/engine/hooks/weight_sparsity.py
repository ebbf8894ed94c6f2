"""Weights that become zero in training and stay so."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from sparse3d.argument_objects import argument_object
from sparse3d.engine.training_batch import accumulated
from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.dynamic import drop_and_grow, first_mask
from sparse3d.weight_sparsity.layers import LINEAR, Prunable, check_choice, weights_of_layers
from sparse3d.weight_sparsity.masks import KEY, WeightMasks
from sparse3d.weight_sparsity.patterns import (
    check_blocks,
    check_share,
    checked_block,
    largest,
    two_of_four,
)
from sparse3d.weight_sparsity.schedules import DISTRIBUTIONS, gradual_sparsity, replaced_share

MODES = ('fixed', '2:4', 'gradual', 'rigl')


@dataclass(frozen=True)
class LayerChoice:
    """Which weights become sparse, see :func:`~sparse3d.weight_sparsity.layers.weights_of_layers`.

    Attributes:
        kinds: of layers: ``'linear'``, ``'conv1x1'``, ``'conv'``, ``'sparse_conv'``.
        include: pattern of names that alone are taken.
        exclude: pattern of names that stay dense.
    """

    kinds: Sequence[str] = (LINEAR, )
    include: str = ''
    exclude: str = ''


@dataclass(frozen=True)
class Pace:
    """When masks change, as shares of the training.

    Attributes:
        begin: before it all weights are dense (``'2:4'``, ``'gradual'``); RigL moves none.
        end: from it on masks stay.
        interval: iterations between two changes; where gradients are accumulated, a change comes
            with the next step of the optimizer.
        replaced: of RigL: share of a layer's weights that is replaced at first.
    """

    begin: float = 0.0
    end: float = 0.75
    interval: int = 100
    replaced: float = 0.3


@HOOKS.register_module()
class WeightSparsityHook(Hook):
    """Keeps chosen weights at zero through optimizer, averages, processes and resuming.

    After every step of the optimizer masked weights and its momentum there are zero, and so are
    those of an average (``EMAHook``); gradients are masked before they are clipped. The model keeps
    dense tensors: its checkpoints load everywhere and export as before. Masks go along in a
    checkpoint as ``weight_masks``.

    Modes: ``'2:4'`` masks once at ``begin`` (or takes the masks of the checkpoint that the training
    starts from) and trains the rest; ``'fixed'`` takes those masks and refuses to start without;
    ``'gradual'`` prunes the smallest weights by a cubic schedule from ``begin`` to ``end``;
    ``'rigl'`` is sparse from the first step and moves its zeros until ``end``.

    Args:
        mode: see above.
        sparsity: share of zeros at the end, of ``'gradual'`` and ``'rigl'``.
        block: rows and columns that become zero together, of ``'gradual'``.
        distribution: over layers, of ``'gradual'`` and ``'rigl'``: ``'uniform'`` or ``'erk'``.
        layers: fields of :class:`LayerChoice`.
        pace: fields of :class:`Pace`.
        seed: of RigL's first masks; the same in every process.

    Raises:
        ConfigError: for an unknown mode, distribution or kind of layers, what is no pattern, a
            share that is none, or blocks that do not go into a layer.
        CheckpointError: for masks of another model.

    Source: 2:4 arXiv 2104.08378; gradual arXiv 1710.01878; RigL arXiv 1911.11134 (the weights that
    grow take part in the step in which they grow; there that step is left out).
    """

    priority = 'VERY_LOW'  # the averages have been updated before
    argument_objects = dict(layers=LayerChoice, pace=Pace)

    def __init__(self, mode: str = '2:4', sparsity: float = 0.8, block: Sequence[int] = (1, 1),
                 distribution: str = 'uniform', layers: dict | LayerChoice | None = None,
                 pace: dict | Pace | None = None, seed: int = 0) -> None:
        if mode not in MODES:
            raise ConfigError(f'WeightSparsityHook.mode is {mode!r}; use {", ".join(MODES)}')
        if distribution not in tuple(DISTRIBUTIONS):
            raise ConfigError(f'WeightSparsityHook.distribution is {distribution!r}; use '
                              f'{" or ".join(DISTRIBUTIONS)}')
        check_share(sparsity, 'WeightSparsityHook.sparsity')
        if type(seed) is not int:
            raise ConfigError(f'WeightSparsityHook.seed is {seed!r:.80}; give a whole number')
        self.mode, self.sparsity, self.distribution = mode, sparsity, distribution
        self.block, self.seed = checked_block(block, 'WeightSparsityHook.block'), seed
        if mode != 'gradual' and self.block != (1, 1):
            raise ConfigError(f"WeightSparsityHook.block is of mode='gradual', not of {mode!r}; "
                              f"leave it out")
        self.layers = argument_object(self, 'layers', layers)
        check_choice(self.layers.kinds, self.layers.include, self.layers.exclude)
        self.pace = _checked_pace(argument_object(self, 'pace', pace), mode)
        self.masks = WeightMasks({})
        self._loaded: WeightMasks | None = None
        self._chosen: list[Prunable] = []
        self._finished = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take the masks of a checkpoint."""
        if KEY in checkpoint:
            self._loaded = WeightMasks.unpacked(checkpoint[KEY], str(runner._load_from))

    def before_train(self, runner: Any) -> None:
        """Make or take the masks, and mask from now on in every step."""
        model = _bare(runner.model)
        taken = self._loaded is not None and (runner._resume or self.mode in ('fixed', '2:4'))
        if self.mode == 'fixed' and not taken:
            raise ConfigError("WeightSparsityHook mode='fixed' keeps the masks of a checkpoint, "
                              "and load_from names none with masks; make one with "
                              "'sparse3d prune'")
        if self.mode in ('gradual', 'rigl') or not taken:
            self._choose(model)
        if taken:
            self._take(model, str(runner._load_from))
        elif self.mode == 'rigl':
            generator = torch.Generator().manual_seed(self.seed)
            self.masks = WeightMasks({each.name: first_mask(
                each.weight, self._shares[each.name], generator) for each in self._chosen})
        elif self.mode == '2:4' and self.pace.begin == 0:
            self.masks = self._two_of_four()
        self._apply(runner)
        self._watch_steps(runner)
        self._tell(runner)

    def _choose(self, model: nn.Module) -> None:
        """The layers, and the share of zeros of each."""
        self._chosen = [each for each in weights_of_layers(
            model, self.layers.kinds, self.layers.include, self.layers.exclude)
            if not each.refused]
        for each in self._chosen:  # now, not when the first blocks become zero
            check_blocks(each.weight.shape, self.block, each.name)
        shapes = {each.name: each.weight.shape for each in self._chosen}
        self._shares = DISTRIBUTIONS[self.distribution](shapes, self.sparsity)

    def _take(self, model: nn.Module, source: str) -> None:
        """The masks of the checkpoint, if the mode can go on with them."""
        assert self._loaded is not None
        self._loaded.check(model, source)
        if self.mode == '2:4' and not self._loaded.two_of_four:
            raise ConfigError(f"{source} has masks that are not 2:4; keep them with "
                              f"WeightSparsityHook mode='fixed', or start from a checkpoint "
                              f"without masks")
        chosen = {each.name for each in self._chosen}
        if self.mode == 'rigl' and chosen != set(self._loaded.masks):
            raise ConfigError(f'{source} has masks of {len(self._loaded)} layers, and '
                              f'WeightSparsityHook.layers chooses {len(chosen)} others; resume '
                              f'with the layers that it began with')
        self.masks = self._loaded

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Put the masks beside the weights."""
        if len(self.masks):
            checkpoint[KEY] = self.masks.packed()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        """Mask averages; they were updated from masked weights and remember others."""
        for average in _averages(runner):
            self.masks.apply(average)

    def after_train(self, runner: Any) -> None:
        """Watch no more, and say what is zero."""
        vars(runner.optim_wrapper).pop('step', None)
        self._tell(runner)

    def _watch_steps(self, runner: Any) -> None:
        """Between gradients and the optimizer: change masks, mask gradients; behind it: weights."""
        model, wrapper, optimizer = (_bare(runner.model), runner.optim_wrapper,
                                     runner.optim_wrapper.optimizer)
        step = wrapper.step

        @wraps(step)
        def masked(*args: Any, **kwargs: Any) -> Any:
            if self._is_due(runner):
                self._change(runner)
                self.masks.apply(model, optimizer)
            self.masks.mask_gradients(model)
            result = step(*args, **kwargs)
            self.masks.apply(model, optimizer)
            return result

        wrapper.step = masked

    def _progress(self, runner: Any) -> float:
        """Of the changes: 0 at ``begin``, 1 at ``end``."""
        last = runner.max_iters - 1
        begin, end = (min(share * runner.max_iters, last)
                      for share in (self.pace.begin, self.pace.end))
        if end <= begin:
            return 1.0 if runner.iter >= begin else -1.0
        return (runner.iter - begin) / (end - begin)

    def _is_due(self, runner: Any) -> bool:
        if self.mode == 'fixed':
            return False
        progress = self._progress(runner)
        if self.mode == '2:4':
            return not len(self.masks) and progress >= 0
        if self.mode == 'gradual':
            return progress >= 0 and (not self._finished if progress >= 1
                                      else self._at_interval(runner))
        return 0 <= progress < 1 and runner.iter >= self.pace.interval and self._at_interval(runner)

    def _at_interval(self, runner: Any) -> bool:
        """Whether a multiple of the interval was passed since the optimizer's last step."""
        before = runner.iter - accumulated(runner.optim_wrapper)
        return runner.iter // self.pace.interval > before // self.pace.interval

    def _change(self, runner: Any) -> None:
        if self.mode == '2:4':
            self.masks = self._two_of_four()
        elif self.mode == 'gradual':
            progress = self._progress(runner)
            self._finished = progress >= 1  # after a resume once more, which changes nothing
            self.masks = WeightMasks({each.name: largest(
                each.weight, gradual_sparsity(progress, self._shares[each.name]), self.block,
                self.masks.masks.get(each.name)) for each in self._chosen})
        else:
            share = replaced_share(self._progress(runner), self.pace.replaced)
            for each in self._chosen:
                gradient = each.weight.grad
                if gradient is not None and bool(gradient.isfinite().all()):
                    self.masks.masks[each.name] = drop_and_grow(
                        each.weight, gradient, self.masks.masks[each.name].to(gradient.device),
                        share)

    def _two_of_four(self) -> WeightMasks:
        return WeightMasks({each.name: two_of_four(each.weight) for each in self._chosen})

    def _apply(self, runner: Any) -> None:
        self.masks.apply(_bare(runner.model), runner.optim_wrapper.optimizer)
        for average in _averages(runner):
            self.masks.apply(average)

    def _tell(self, runner: Any) -> None:
        zeros, number = self.masks.zeros()
        if number:
            runner.logger.info(f'{zeros:,} of {number:,} weights of {len(self.masks)} layers are '
                               f'zero ({100 * zeros / number:.1f} %)')


def _checked_pace(pace: Pace, mode: str) -> Pace:
    if mode == '2:4' and pace.end == Pace.end:  # it has none: the default is no bound for it
        pace = replace(pace, end=1.0)
    shares = pace.begin, pace.end, pace.replaced
    numbers = all(isinstance(share, int | float) for share in shares)
    if not (numbers and type(pace.interval) is int and pace.interval >= 1
            and 0 <= pace.begin <= pace.end <= 1 and 0 <= pace.replaced <= 1):
        raise ConfigError(f'WeightSparsityHook.pace is {pace}: begin and end are shares of the '
                          f'training in this order, replaced is one of the weights, interval is a '
                          f'number of iterations, 1 or more')
    return pace


def _bare(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _averages(runner: Any) -> list[nn.Module]:
    """The averaged models of hooks that keep one."""
    return [hook.ema_model.module for hook in runner.hooks
            if isinstance(getattr(getattr(hook, 'ema_model', None), 'module', None), nn.Module)]

