"""Pruning that begins with nothing and grows: for a start from dense weights."""
from __future__ import annotations

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from sparse3d.errors import ConfigError
from sparse3d.models.layers.pruned_convolution import PrunedConvolution


@HOOKS.register_module()
class PruningRampHook(Hook):
    """Let the pruned share of every pruned convolution grow from 0 to what its config says.

    It grows with every step over the first part of training and stays then; validation in between
    sees what training does. It follows the step's number, so that a resumed training goes on.

    Args:
        share: of all training steps over which it grows.

    Raises:
        ConfigError: for a share that is none, or a model without pruned convolutions.
    """

    def __init__(self, share: float = 1 / 3) -> None:
        if not isinstance(share, int | float) or not 0 < share <= 1:
            raise ConfigError(f'PruningRampHook.share is {share!r:.40}; it is the share of the '
                              f'steps: above 0, at most 1')
        self.share = share

    def before_train(self, runner) -> None:
        """Find the layers, so that a model without any is refused before the first step."""
        self._ramp(runner)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Set the pruned share of this step."""
        self._ramp(runner)

    def _ramp(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        layers = pruned_layers(model)
        if not layers:
            raise ConfigError('PruningRampHook finds no pruned convolution in the model; give its '
                              'middle_encoder a pruning, or leave the hook out')
        progress = min(1.0, runner.iter / max(self.share * runner.max_iters, 1))
        for layer in layers:
            layer.progress = progress


def pruned_layers(model: nn.Module) -> list[PrunedConvolution]:
    """The pruned convolutions of a model."""
    return [layer for layer in model.modules() if isinstance(layer, PrunedConvolution)]
