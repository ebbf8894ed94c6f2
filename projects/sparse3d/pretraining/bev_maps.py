"""One dense BEV map from whatever a middle encoder gives."""
from __future__ import annotations

from typing import Any

from spconv.pytorch import SparseConvTensor
from torch import Tensor

from sparse3d.errors import ConfigError


def bev_map(encoded: Any) -> Tensor:
    """The map [B, C, H, W] of an encoder's output, levels above each other joined as channels.

    Args:
        encoded: a map; a sparse map or volume; several of these, finest first, of which the
            last counts; or a map with more behind it.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(encoded, tuple) and encoded and isinstance(encoded[0], Tensor):
        encoded = encoded[0]
    if isinstance(encoded, list | tuple) and encoded:
        encoded = encoded[-1]
    if isinstance(encoded, SparseConvTensor):
        dense = encoded.dense()
        encoded = dense if dense.ndim == 4 else dense.flatten(1, 2)
    if not isinstance(encoded, Tensor) or encoded.ndim != 4:
        raise ConfigError(f'the middle encoder gives {type(encoded).__name__}, of which no BEV map '
                          f'can be made; it cannot be pre-trained by masking')
    return encoded
