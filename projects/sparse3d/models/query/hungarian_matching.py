"""One prediction for each object, at the least total cost."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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
def cheapest_pairs(costs: Sequence[Tensor], unusable: float) -> list[tuple[Tensor, Tensor]]:
    """Rows and columns [M] of the pairs of the least total cost, rows rising, of each table.

    Every column is matched while rows last. The host computes the pairs: it waits for the costs
    of all tables at once.

    Args:
        costs: [rows, columns] each, of one device.
        unusable: what a cost that is not a number, or infinite, counts as.

    Source: Hungarian algorithm (scipy).
    """
    if not costs:
        return []
    flat = torch.cat([cost.flatten() for cost in costs])
    flat = torch.nan_to_num(flat, unusable, unusable, -unusable)
    tables = flat.cpu().split([cost.numel() for cost in costs])
    found = [linear_sum_assignment(table.view(cost.shape).numpy())
             for table, cost in zip(tables, costs, strict=True)]
    lengths = [len(rows) for rows, _ in found]
    pairs = torch.from_numpy(np.concatenate([np.stack(pair) for pair in found], axis=1))
    return [(rows, columns) for rows, columns in pairs.to(flat.device).split(lengths, dim=1)]
