"""Geometry is computed in float32 at least, whatever the features are in."""
from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32; float32 and float64 stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
