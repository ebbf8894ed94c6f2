"""One prediction for each object, at the least total cost."""
from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
TINY = 1e-12


def focal_cost(
        logits: Tensor,  # [Q, K]
        labels: Tensor,  # [G]
) -> Tensor:             # [Q, G]
    """What the focal loss would gain if each query took the class of each object.

    Source: Deformable DETR (ICLR 2021), released code.
    """
    chance = logits.float().sigmoid()
    background = -(1 - chance + TINY).log() * (1 - FOCAL_ALPHA) * chance ** FOCAL_GAMMA
    foreground = -(chance + TINY).log() * FOCAL_ALPHA * (1 - chance) ** FOCAL_GAMMA
    return (foreground - background)[:, labels]


@torch.no_grad()
def cheapest_pairs(cost: Tensor, unusable: float) -> tuple[Tensor, Tensor]:
    """Rows and columns [M] of the pairs of the least total cost, rows rising.

    Every column is matched while rows last; the host computes the pairs.

    Args:
        cost: [rows, columns].
        unusable: what a cost that is not a number, or infinite, counts as.

    Source: Hungarian algorithm (scipy).
    """
    cost = torch.nan_to_num(cost, unusable, unusable, -unusable)
    rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return tuple(torch.from_numpy(index).to(cost.device) for index in (rows, columns))
