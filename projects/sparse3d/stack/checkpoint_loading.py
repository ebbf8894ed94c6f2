"""Checkpoints of mmengine read by PyTorch's safe loader.

Wrong upstream (mmengine 0.10.7 with torch >= 2.6): ``torch.load`` admits only weights by default,
and mmengine cannot read back or resume its own checkpoints, whose message hub holds
``HistoryBuffer`` objects (with ``getattr`` of their statistics), NumPy arrays and scalars.

Repair: exactly those types are put on the safe loader's list, ``getattr`` only in the form of
looking up a statistic of ``HistoryBuffer``, and a file that asks for anything
else, or is damaged, is refused in one sentence. The safe loader is never switched off.
"""
from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint

from sparse3d.errors import CheckpointError

SCALARS = (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
           np.uint64, np.float16, np.float32, np.float64)
STATISTICS = ('min', 'max', 'current', 'mean')
ARRAY_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')  # as written by numpy 1, 2


def repair() -> None:
    """Put mmengine's own types on the safe loader's list and name what it refuses."""
    torch.serialization.add_safe_globals(admitted_types())
    loaders = checkpoint.CheckpointLoader._schemes
    if not hasattr(loaders[''], 'upstream'):
        loaders[''] = _named(loaders[''])


def admitted_types() -> list:
    """What a checkpoint of mmengine holds beside tensors and plain containers."""
    dtypes = {type(np.dtype(scalar)) for scalar in SCALARS}
    builders = [(getattr(np.core.multiarray, name), f'{module}.{name}')
                for module in ARRAY_MODULES for name in ('_reconstruct', 'scalar')]
    return [HistoryBuffer, (_statistic, 'builtins.getattr'), np.ndarray, np.dtype,
            *sorted(dtypes, key=str), *builders]


def _statistic(owner: type, name: str) -> Callable:
    """Stands in for ``getattr`` in a checkpoint; gives the statistics of HistoryBuffer only."""
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL getattr of {owner}, {name}')
    return getattr(HistoryBuffer, name)


def _named(upstream):
    @wraps(upstream)
    def load_from_local(filename, map_location=None) -> dict | OrderedDict:
        try:
            return upstream(filename, map_location)
        except pickle.UnpicklingError as error:
            raise CheckpointError(f'{filename} is refused: {_reason(error)}') from error
        except (EOFError, RuntimeError) as error:
            raise CheckpointError(f'{filename} cannot be read, it is damaged or no checkpoint: '
                                  f'{_first_line(error)}') from error

    load_from_local.upstream = upstream
    return load_from_local


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ['it is empty'])[0]


def _reason(error: pickle.UnpicklingError) -> str:
    """The line of PyTorch's long message that says what was in the file."""
    lines = [line.strip() for line in str(error).splitlines()]
    asked = [line for line in lines if 'global' in line.lower() and 'GLOBAL' in line]
    what = asked[0].split(' was not')[0] if asked else 'it is damaged or no checkpoint'
    return f'{what}; only weights, plain containers, NumPy values and HistoryBuffer are read'
