"""Sparsity-aware adaptation: other ratios of windows in every iteration of a training."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from torch import nn

from sparse3d.engine.ratio_space import RATIOS, RatioSpace
from sparse3d.errors import ConfigError
from sparse3d.models.backbones.sparse_swin import SparseSwin
from sparse3d.models.backbones.window_ratios import is_ratio


@HOOKS.register_module()
class DrawWindowRatiosHook(Hook):
    """Draw the ratios of every :class:`SparseSwin` anew before each training iteration.

    One model then knows all ratios, and the search for the best (``sparse3d search-sparsity``)
    trains nothing. Draws follow from the training's seed and the iteration alone: all processes
    draw the same, and a training that is resumed draws what it would have drawn. Validation and
    what comes after the training see the ratios of the config.

    Args:
        ratios: that a pair of blocks may get.

    Raises:
        ConfigError: if the model has no SparseSwin, or a ratio is none.

    Source: SparseViT (CVPR 2023), section 3.2.
    """

    def __init__(self, ratios: Sequence[float] = RATIOS) -> None:
        if not isinstance(ratios, Sequence) or not ratios or not all(map(is_ratio, ratios)):
            raise ConfigError(f'DrawWindowRatiosHook.ratios is {ratios!r:.80}; give a list of '
                              f'shares of windows to leave out, each 0 or more, below 1')
        self.ratios = tuple(ratios)
        self._of_config: list[tuple[SparseSwin, Any]] = []

    def before_train(self, runner: Any) -> None:
        """Find the backbones and note the ratios of their configs."""
        found = sparse_swins(runner.model)
        if not found:
            raise ConfigError("DrawWindowRatiosHook has no ratios to draw: the model has no "
                              "SparseSwin; set model's image backbone to type='SparseSwin', or "
                              "leave the hook out")
        self._of_config = [(backbone, backbone.ratios) for backbone in found]

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Draw; all backbones of a model draw from one stream."""
        rng = np.random.default_rng([runner.seed or 0, runner.iter])
        for backbone, _ in self._of_config:
            space = RatioSpace(tuple(backbone.depths), self.ratios)
            backbone.set_ratios(space.blocks(space.draw(rng)))

    def before_val(self, runner: Any) -> None:
        """The ratios of the config."""
        self._set_back()

    def after_train(self, runner: Any) -> None:
        """The ratios of the config."""
        self._set_back()

    def _set_back(self) -> None:
        for backbone, ratios in self._of_config:
            backbone.set_ratios(ratios)


def sparse_swins(model: nn.Module) -> list[SparseSwin]:
    """Every SparseSwin of a model, wrapped or not."""
    return [module for module in model.modules() if isinstance(module, SparseSwin)]
