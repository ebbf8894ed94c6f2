"""Numbers of a config as tensors, copied to a device once."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

# Tensors of other classes belong to a block, such as a tracing one: none of theirs is kept.
KEPT: tuple[type, ...] = (Tensor, nn.Parameter)


def constant(values: Sequence, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor on the device of another, of its type or ``dtype``; not to be changed in place.

    Args:
        values: numbers, or tuples of numbers: the rows of a table.

    A tensor made from numbers in every step is a copy in every step. Modules may keep a buffer
    instead; plain functions and frozen data classes have this.
    """
    if type(like) not in KEPT or torch.jit.is_tracing() \
            or torch.compiler.is_compiling():
        return like.new_tensor(list(values), dtype=dtype)
    return _on_device(tuple(values), dtype or like.dtype, like.device)


@lru_cache(maxsize=256)
def _on_device(values: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # or training could not use it after a prediction
        return torch.tensor(values, dtype=dtype, device=device)
