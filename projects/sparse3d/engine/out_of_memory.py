"""A GPU that is too small for a training: one sentence with the ways out."""
from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config

from sparse3d.errors import OutOfMemory

# Names under which modules compute activations again instead of keeping them.
CHECKPOINTING = ('with_cp', 'with_checkpoint')


@contextmanager
def explained_out_of_memory(config: Config, place: Any) -> Iterator[None]:
    """Turn a CUDA out-of-memory error into a sentence that names what can be made smaller.

    Args:
        config: of the training, with all options.
        place: called for the words that say where it stood.

    Raises:
        OutOfMemory: in place of PyTorch's error, which stays its cause.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise OutOfMemory(_sentence(config, place())) from error


def _sentence(config: Config, where: str) -> str:
    validates = where.startswith('validation')
    loader = 'val_dataloader' if validates else 'train_dataloader'
    batch = config[loader].get('batch_size', 1)
    ways = [*(_of_validation if validates else _of_training)(config, batch),
            'a GPU with more memory']
    return (f'the GPU has not enough memory for batches of {batch} ({loader}.batch_size), '
            f'in {where}: try {", ".join(ways[:-1])}{" or " * (len(ways) > 1)}{ways[-1]}')


def _of_training(config: Config, batch: int) -> Iterator[str]:
    if batch > 1:
        yield 'a smaller --batch-size (with --accumulate a step keeps its samples)'
    if config.optim_wrapper.get('type') != 'AmpOptimWrapper':
        yield '--amp'
    off = list(without_checkpointing(config.model))
    if off:
        yield (f'activation checkpointing (--cfg-options '
               f'{" ".join(f"{key}=True" for key in off)})')


def _of_validation(config: Config, batch: int) -> Iterator[str]:
    """No gradient is kept there, and ``--amp`` is of the training alone."""
    if batch > 1:
        yield 'a smaller val_dataloader.batch_size'
    if not (config.get('val_cfg') or {}).get('fp16'):
        yield 'half precision (--cfg-options val_cfg.fp16=True)'


def without_checkpointing(part: Any, place: str = 'model') -> Iterator[str]:
    """Dotted keys that would switch activation checkpointing on in parts of a model."""
    if isinstance(part, Mapping):
        for name in CHECKPOINTING:
            if _takes(part.get('type'), name) and not part.get(name):
                yield f'{place}.{name}'
        for key, value in part.items():
            yield from without_checkpointing(value, f'{place}.{key}')
    elif isinstance(part, list | tuple):
        for number, value in enumerate(part):
            yield from without_checkpointing(value, f'{place}.{number}')


def _takes(kind: Any, argument: str) -> bool:
    """Whether a registered module has this argument."""
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    try:
        return found is not None and argument in inspect.signature(found).parameters
    except (TypeError, ValueError):
        return False
