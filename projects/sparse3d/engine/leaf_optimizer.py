"""The optimizer of OpenPCDet's releases, which never trains the projections into attention."""
from __future__ import annotations

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from sparse3d.errors import ConfigError

OPTION = 'leaf_parameters'


@OPTIM_WRAPPERS.register_module()
class PublishedLeafOptimWrapper(OptimWrapper):
    """Steps of some parameters only, while the gradients of all are clipped together.

    The gradients of the others are never set to zero: they add up from step to step, clipped
    with the rest, and so make all steps smaller.

    Attributes:
        left_out: parameters that are never stepped.
    """

    left_out: tuple[nn.Parameter, ...] = ()

    def _clip_grad(self) -> None:
        clipped = [value for group in self.optimizer.param_groups for value in group['params']]
        clipped = [value for value in (*clipped, *self.left_out)
                   if value.requires_grad and value.grad is not None]
        if clipped:
            norm = self.clip_func(clipped, **self.clip_grad_kwargs)
            if norm is not None:
                self.message_hub.update_scalar(f'train/{self.grad_name}', float(norm))


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LeafOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's, and the choice to give the optimizer only what the release gives it.

    With ``paramwise_cfg=dict(leaf_parameters=True)`` it receives the parameters of
    modules without children. PyTorch's ``MultiheadAttention`` has a child, its output
    projection: its own ``in_proj_weight`` and ``in_proj_bias`` keep the values they began with,
    16 tensors of 889,344 numbers in DSVT's pillar model, 4 of 99,072 in HEDNet's and SAFDNet's on
    nuScenes. By default they are trained.

    Raises:
        ConfigError: if that is asked for with another wrapper than ``OptimWrapper``, or with
            settings for single parameters.

    Source: ``adam_onecycle`` of OpenPCDet, as DSVT (commit 8cfc2a6) and HEDNet (8694e7f) were
    released with.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        settings = dict(paramwise_cfg or {})
        self.leaves_only = bool(settings.pop(OPTION, False))
        kind = optim_wrapper_cfg.get('type', 'OptimWrapper')
        if self.leaves_only and (kind != 'OptimWrapper' or settings):
            what = f'paramwise_cfg.{next(iter(settings))}' if settings else f'the {kind} (--amp)'
            raise ConfigError(
                f'optim_wrapper.paramwise_cfg.{OPTION} is the released training, which does not '
                f'go with {what}: leave that out, or train all parameters with --cfg-options '
                f'model.published.{OPTION}=False')
        super().__init__(optim_wrapper_cfg, settings or None)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        if not self.leaves_only:
            return super().__call__(model)
        given, left_out = leaf_parameters(getattr(model, 'module', model))
        settings: dict[str, Any] = {**self.optim_wrapper_cfg, 'type': 'PublishedLeafOptimWrapper'}
        settings['optimizer'] = OPTIMIZERS.build({**self.optimizer_cfg, 'params': given})
        wrapper = OPTIM_WRAPPERS.build(settings)
        wrapper.left_out = tuple(left_out)
        return wrapper


def leaf_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of modules without children, and all others."""
    given: dict[int, nn.Parameter] = {}
    others: dict[int, nn.Parameter] = {}
    for module in model.modules():
        mine = others if any(True for _ in module.children()) else given
        for value in module.parameters(recurse=False):
            mine[id(value)] = value
    return list(given.values()), [value for key, value in others.items() if key not in given]
