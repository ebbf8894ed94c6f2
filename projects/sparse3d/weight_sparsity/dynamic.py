"""Sparse training whose zeros move: the smallest weights make way for the steepest ones."""
from __future__ import annotations

import torch
from torch import Tensor


def first_mask(weight: Tensor, sparsity: float, generator: torch.Generator) -> Tensor:
    """A random mask with ``round((1 - sparsity) n)`` of n weights, bool of the weight's shape.

    Args:
        generator: on the CPU; every process has to use one of the same seed.
    """
    number = weight.numel()
    kept = number - round(sparsity * number)
    order = torch.randperm(number, generator=generator)[:kept]
    mask = torch.zeros(number, dtype=torch.bool)
    mask[order] = True
    return mask.view(weight.shape).to(weight.device)


def drop_and_grow(
        weight: Tensor,    # any shape
        gradient: Tensor,  # dense, of masked weights as well
        mask: Tensor,      # bool
        share: float,      # of the active weights that is replaced
) -> Tensor:               # bool, with as many weights as before
    """Drop the smallest active weights and grow as many inactive ones of the largest gradient.

    None that was just dropped grows again. Ties go to the first weight, so that processes with the
    same numbers agree.

    Source: RigL (ICML 2020, arXiv 1911.11134), section 3.
    """
    active = int(mask.sum())
    inactive = mask.numel() - active
    count = min(int(share * active), inactive)
    if count == 0:
        return mask.clone()
    flat = mask.flatten()
    size = weight.detach().abs().flatten().masked_fill(~flat, torch.inf)
    dropped = size.argsort(stable=True)[:count]
    steep = gradient.detach().abs().flatten().masked_fill(flat, -1)
    grown = steep.argsort(descending=True, stable=True)[:count]
    moved = flat.clone()
    moved[dropped] = False
    moved[grown] = True
    return moved.view(mask.shape)
