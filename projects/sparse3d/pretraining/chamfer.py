"""Chamfer distance between predicted and true points of many small sets."""
from __future__ import annotations

import torch
from torch import Tensor

SETS_AT_ONCE = 4096  # bounds the table of distances, 4096 x 20 x 30 numbers


def chamfer_loss(
        predicted: Tensor,  # [M, P, 3]
        true: Tensor,       # [M, T, 3]
        valid: Tensor,      # [M, T] bool: places of ``true`` that hold a point
) -> Tensor:                # []
    """Mean squared distance to the nearest point, from both sides.

    The mean over all predicted points of sets that have a true one, and over all true points.
    Computed in float32 or more; zero, with a gradient, where no set has a true point.

    Source: BEV-MAE (AAAI 2024), section 3.3.
    """
    predicted = predicted.to(torch.promote_types(predicted.dtype, torch.float32))
    filled = valid.any(1)
    if not bool(filled.any()):
        return predicted.sum() * 0
    predicted, true, valid = predicted[filled], true[filled].to(predicted.dtype), valid[filled]
    to_true = predicted.new_zeros(())
    to_predicted = predicted.new_zeros(())
    for begin in range(0, len(predicted), SETS_AT_ONCE):
        part = slice(begin, begin + SETS_AT_ONCE)
        first, second = _nearest(predicted[part], true[part], valid[part])
        to_true, to_predicted = to_true + first, to_predicted + second
    return to_true / (len(predicted) * predicted.shape[1]) + to_predicted / valid.sum()


def _nearest(predicted: Tensor, true: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over predicted and over true points of the distance to the nearest other one."""
    squared = (predicted[:, :, None] - true[:, None]).square().sum(-1)  # [M, P, T]
    to_true = squared.masked_fill(~valid[:, None], torch.inf).amin(2).sum()
    to_predicted = squared.amin(1).masked_fill(~valid, 0).sum()
    return to_true, to_predicted
