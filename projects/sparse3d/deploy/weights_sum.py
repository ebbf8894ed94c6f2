"""What tells the weights of one detector from those of another."""
from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_sum(detector: nn.Module) -> str:
    """SHA-256 of the names and numbers of all parameters and buffers."""
    found = hashlib.sha256()
    for name, value in sorted(detector.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()
