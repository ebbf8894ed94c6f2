"""The parts of a network that half precision would harm: geometry, places, logits."""
from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32; float32 and float64 stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(values: Tensor) -> torch.autocast:
    """A block in which autocast is off for tensors on this device."""
    return torch.autocast(values.device.type, enabled=False)
