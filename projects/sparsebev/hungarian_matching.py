"""One prediction for each object: Hungarian matching on class and box."""
from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sparsebev.box_code import box_to_code

TINY = 1e-12
UNKNOWN_ALLOWED = torch.arange(10) >= 8  # of a box code: vx, vy
UNUSABLE = 100.0  # cost of a pair whose cost is not a number, as published


def focal_cost(logits: Tensor, labels: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """What the focal loss would gain if each query [Q, K] took each label [M]; [Q, M]."""
    chance = logits.sigmoid()
    background = -(1 - chance + TINY).log() * (1 - alpha) * chance.pow(gamma)
    foreground = -(chance + TINY).log() * alpha * (1 - chance).pow(gamma)
    return (foreground - background)[:, labels]


@torch.no_grad()
def match(logits: Tensor, codes: Tensor, boxes: Tensor, labels: Tensor, code_weights: Tensor,
          class_weight: float = 2.0, box_weight: float = 0.25) -> Tensor:
    """Object of each query.

    Args:
        logits: [Q, K].
        codes: predicted box codes [Q, 10].
        boxes: ground truth [M, 9] around gravity centers; an unknown velocity is NaN and
            costs nothing.
        labels: [M].
        code_weights: [10], of both sides of the L1 cost.

    Returns:
        [Q] index of the object, -1 for background.

    Source: SparseBEV (ICCV 2023), section 3.5; costs as in the released code.
    """
    assigned = torch.full((len(logits),), -1, dtype=torch.long, device=logits.device)
    if not len(boxes):
        return assigned
    wanted = box_to_code(boxes)
    known = code_weights * ~(wanted.isnan() & UNKNOWN_ALLOWED.to(wanted.device))
    distance = ((codes.float()[:, None] - wanted.nan_to_num()) * known).abs().sum(-1)
    cost = class_weight * focal_cost(logits.float(), labels) + box_weight * distance
    cost = torch.nan_to_num(cost, nan=UNUSABLE, posinf=UNUSABLE, neginf=-UNUSABLE)
    query, target = linear_sum_assignment(cost.cpu().numpy())
    assigned[torch.as_tensor(query, device=logits.device)] = \
        torch.as_tensor(target, device=logits.device)
    return assigned
