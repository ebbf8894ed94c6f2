"""Training that stops at the first NaN, before the weights are spoilt, and says where it arose."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from sparse3d.atomic_files import atomic_file
from sparse3d.errors import Sparse3DError


class NonFiniteLoss(Sparse3DError, ArithmeticError):
    """A loss that is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteWatchHook(Hook):
    """Looks at every loss before the optimizer does.

    At a NaN or an infinite number the batch goes through the model once more, and the first
    tensor that is not finite is named: of the inputs, of the weights, or the output of a
    module. The batch is saved beside the checkpoints (``non_finite_batch.pth``: plain
    tensors, readable by the safe loader), the weights are as they were.

    Raises:
        NonFiniteLoss: in the training loop.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._batch: Any = None

    def before_train(self, runner: Any) -> None:
        """Look at losses from now on."""
        update = runner.optim_wrapper.update_params

        @wraps(update)
        def watched(loss: Tensor, *args: Any, **kwargs: Any) -> Any:
            if not bool(torch.isfinite(loss).all()):
                self._stop(runner, loss)
            return update(loss, *args, **kwargs)

        runner.optim_wrapper.update_params = watched

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Remember the batch, in case it is the one."""
        self._batch = data_batch

    def after_train(self, runner: Any) -> None:
        """Look no more."""
        vars(runner.optim_wrapper).pop('update_params', None)

    def _stop(self, runner: Any, loss: Tensor) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        where = first_non_finite(model, self._batch)
        path = Path(runner.work_dir) / 'non_finite_batch.pth'
        with atomic_file(path) as stream:
            torch.save(plain_batch(self._batch), stream)
        raise NonFiniteLoss(
            f'the loss is {float(loss.detach().sum())} in epoch {runner.epoch + 1}, iteration '
            f'{runner.iter + 1}; the first tensor that is not finite is {where}; the batch is '
            f'in {path}, the last checkpoint is good')


def first_non_finite(model: nn.Module, batch: Mapping) -> str:
    """Name of the first tensor that is not finite when a batch goes through a model."""
    for name, tensor in _tensors(batch.get('inputs'), 'inputs'):
        if not _finite(tensor):
            return f'{name} of the batch'
    for name, tensor in model.named_parameters():
        if not _finite(tensor):
            return f'the weight {name}'
    found: list[str] = []
    hooks = [module.register_forward_hook(_looker(name, found))
             for name, module in model.named_modules() if name]
    try:
        with torch.no_grad():
            data = model.data_preprocessor(batch, True)
            losses = model(**data, mode='loss')
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return found[0]
    bad = [name for name, tensor in _tensors(losses, '') if not _finite(tensor)]
    return f'the loss {bad[0]}' if bad else 'not found again: chance decided (dropout, sampling)'


def plain_batch(batch: Mapping) -> dict:
    """A batch as tensors and plain containers: inputs, boxes, labels, names of the files."""
    samples = []
    for sample in batch.get('data_samples') or ():
        truth = sample.get('gt_instances_3d') or {}
        kept = {key: getattr(value, 'tensor', value) for key, value in truth.items()
                if isinstance(getattr(value, 'tensor', value), Tensor)}
        names = {key: sample.metainfo[key] for key in ('lidar_path', 'img_path', 'sample_idx')
                 if isinstance(sample.metainfo.get(key), str | int | list)}
        samples.append(dict(kept, **names))
    return dict(inputs=batch.get('inputs'), samples=samples)


def _looker(name: str, names: list[str]) -> Any:
    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        if not names and any(not _finite(tensor) for _, tensor in _tensors(output, '')):
            names.append(f'the output of {name} ({type(module).__name__})')
    return look


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif hasattr(value, 'features') and isinstance(value.features, Tensor):  # a sparse tensor
        yield name, value.features
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(item, f'{name}.{key}'.lstrip('.'))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, item in enumerate(value):
            yield from _tensors(item, f'{name}[{place}]')


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
