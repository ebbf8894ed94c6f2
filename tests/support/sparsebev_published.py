"""Weights that follow from a tensor's name and shape, as the stored outputs were made with."""
from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def filled(name: str, shape: Sequence[int]) -> np.ndarray:
    """The array of one tensor."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rsplit('.', 1)[-1]
    if kind == 'num_batches_tracked':
        return np.zeros(shape, np.int64)
    if kind == 'running_var':
        values = random.uniform(0.5, 1.5, shape)
    elif kind == 'running_mean':
        values = 0.1 * random.standard_normal(shape)
    elif 'bias' in kind:
        values = 0.05 * random.standard_normal(shape)
    elif kind == 'weight' and len(shape) == 1:
        values = random.uniform(0.8, 1.2, shape)
    else:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else int(np.prod(shape))
        values = random.standard_normal(shape) / np.sqrt(max(fan_in, 1))
    return values.astype(np.float32)


def published_state(listing: Path) -> dict[str, Tensor]:
    """A whole released state dict from the list of its names and shapes."""
    state = {}
    for name, shape, *value in json.loads(listing.read_text()):
        array = np.array(value[0], np.float32).reshape(shape) if value else filled(name, shape)
        state[name] = torch.from_numpy(np.ascontiguousarray(array)).reshape(shape)
    return state
