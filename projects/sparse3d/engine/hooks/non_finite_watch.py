"""Training that stops at the first NaN, before the weights are spoilt, and says where it arose."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from sparse3d.atomic_files import atomic_file
from sparse3d.engine.distributed import without_others
from sparse3d.errors import Sparse3DError


class NonFiniteLoss(Sparse3DError, ArithmeticError):
    """A loss that is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteWatchHook(Hook):
    """Looks at every loss before the optimizer does.

    At a NaN or an infinite number the batch goes through the model once more, under the same
    autocast, and the first tensor that is not finite is named: of the inputs, of the weights, or
    the output of a module. With mixed precision the loss is looked at before it is scaled: a
    gradient that overflows by its scale is the scaler's, which leaves the step out and halves the
    scale; a forward pass that overflows in float16 does so under every scale, and stops.

    The batch is saved beside the checkpoints (``non_finite_batch.pth``: plain tensors, readable by
    the safe loader), the weights are as they were.

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
        where = first_non_finite(model, self._batch,
                                 lambda: runner.optim_wrapper.optim_context(runner.model))
        path = Path(runner.work_dir) / 'non_finite_batch.pth'
        with atomic_file(path) as stream:
            torch.save(plain_batch(self._batch), stream)
        raise NonFiniteLoss(
            f'the loss is {float(loss.detach().sum())} in epoch {runner.epoch + 1}, iteration '
            f'{runner.iter + 1}; the first tensor that is not finite is {where}; the batch is '
            f'in {path}, the last checkpoint is good')


def first_non_finite(model: nn.Module, batch: Mapping,
                     context: Callable[[], AbstractContextManager] = nullcontext) -> str:
    """Name of the first tensor that is not finite when a batch goes through a model.

    Other processes are elsewhere by then: means over all of them are those of this one here.

    Args:
        context: under which it went, such as autocast. What is finite without it overflowed in the
            half type, which is said.
    """
    with without_others():
        return _first_non_finite(model, batch, context)


def _first_non_finite(model: nn.Module, batch: Mapping,
                      context: Callable[[], AbstractContextManager]) -> str:
    for name, tensor in _tensors(batch.get('inputs'), 'inputs'):
        if not _finite(tensor):
            return f'{name} of the batch'
    for name, tensor in model.named_parameters():
        if not _finite(tensor):
            return f'the weight {name}'
    with context():
        found = _first_output(model, batch)
        half = _autocast_type()
    if found is None:
        return 'not found again: chance decided (dropout, sampling)'
    if half is not None and _first_output(model, batch) is None:
        return (f'{found}, which is finite in float32: {half} overflows, and no loss scale helps; '
                f"train with optim_wrapper.dtype='bfloat16', whose range is that of float32, or "
                f'without mixed precision')
    return found


def _first_output(model: nn.Module, batch: Mapping) -> str | None:
    """The first output of a module that is not finite, or else the first such loss."""
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
    bad = [f'the loss {name}' for name, tensor in _tensors(losses, '') if not _finite(tensor)]
    return next(iter(found + bad), None)


def _autocast_type() -> str | None:
    """The type in force, ``'float16'``, or None."""
    kinds = [kind for kind in ('cuda', 'cpu') if torch.is_autocast_enabled(kind)]
    return str(torch.get_autocast_dtype(kinds[0])).removeprefix('torch.') if kinds else None


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
