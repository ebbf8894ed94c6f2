"""The dense parts of a detector: found by name, laid out channels last, compiled.

Image and BEV backbones and necks are networks of fixed shapes, which ``torch.compile`` and
channels-last memory suit. Sparse convolutions, attention over voxels and decoding, whose shapes
change with every frame, stay as they are.
"""
from __future__ import annotations

import os
import shutil
import sys

import torch
from torch import nn

from sparse3d.errors import ConfigError

NAMES = ('backbone', 'neck')                # the whole name, or its end after _
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
TYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


def dense_parts(model: nn.Module) -> dict[str, nn.Module]:
    """Backbones and necks of a model whose weights are those of dense 2D layers, by name."""
    found = {}
    for name, part in model.named_children():
        if name.rpartition('_')[2] in NAMES and _is_dense(part):
            found[name] = part
    return found


def _is_dense(part: nn.Module) -> bool:
    kinds = [type(module).__module__ for module in part.modules()]
    return any(isinstance(module, CONVOLUTIONS) for module in part.modules()) \
        and not any(kind.startswith('spconv') for kind in kinds)


def compile_dense_parts(model: nn.Module, device: torch.device | str) -> list[str]:
    """Lay the dense parts out channels last and let ``torch.compile`` have them.

    The first call with each image or map size compiles, which takes a minute or so; weights and
    their names stay.

    Returns:
        Names of the parts.

    Raises:
        ConfigError: if the model has no such part, or the CPU has no compiler.
    """
    parts = dense_parts(model)
    if not parts:
        raise ConfigError(f'{type(model).__name__} has no dense backbone or neck that compile=True '
                          f'could be for; leave compile out')
    if str(device).startswith('cpu') and not shutil.which(_compiler()):
        raise ConfigError(f'compile=True needs a C++ compiler on the CPU and finds none by the '
                          f'name {_compiler()!r}, which torch calls; install it, name another in '
                          'CXX, or leave compile out')
    for part in parts.values():
        channels_last(part)
        part.compile()
    return list(parts)


def _compiler() -> str:
    """What ``torch.compile`` calls on a CPU, and nothing else."""
    return os.environ.get('CXX', 'clang++' if sys.platform == 'darwin' else 'g++')


def channels_last(part: nn.Module) -> None:
    """Lay weights out channels last; maps then follow them from layer to layer."""
    part.to(memory_format=torch.channels_last)


def arithmetic_type(dtype: str | torch.dtype | None, device: torch.device | str,
                    ) -> torch.dtype | None:
    """The type that a detector computes in by itself: None for float32.

    Raises:
        ConfigError: for another type than float32, bfloat16 and float16, and for float16 on a
            CPU.
    """
    name = 'float32' if dtype is None else str(dtype).removeprefix('torch.')
    if name not in TYPES:
        raise ConfigError(f'dtype is {name!r}; use one of {", ".join(TYPES)}')
    if name == 'float16' and str(device).startswith('cpu'):
        raise ConfigError('dtype float16 is for GPUs; use bfloat16 on a CPU')
    return None if name == 'float32' else TYPES[name]
