"""Positions as fractions, and their logits."""
from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-5  # fractions are kept this far from 0 and from 1


def logit(fraction: Tensor) -> Tensor:
    """Inverse of the sigmoid, finite everywhere; in float32 at least."""
    if fraction.dtype in (torch.float16, torch.bfloat16):
        fraction = fraction.float()
    fraction = fraction.clamp(0, 1)
    return (fraction.clamp(min=SMALLEST) / (1 - fraction).clamp(min=SMALLEST)).log()


def pixel_logits(shape: tuple[int, int], device: torch.device) -> Tensor:  # [h * w, 2]
    """Logits of x / w and y / h of the pixel centers of a map, row by row."""
    height, width = shape
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device),
                          indexing='ij')
    return logit(torch.stack([(x + 0.5) / width, (y + 0.5) / height], dim=-1).flatten(0, 1))
