"""One prediction for each object by class and box."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.models.query.box_code import box_to_code
from sparse3d.models.query.hungarian_matching import cheapest_pairs, focal_cost

UNUSABLE = 100.0  # cost of a pair whose cost is not a number, as published


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
    known = torch.cat([torch.ones_like(wanted[:, :8]),
                       (~wanted[:, 8:].isnan()).to(wanted.dtype)], 1) * code_weights
    # A size of 0 stays infinitely far, so that the pair counts as unusable: a huge finite cost
    # would swallow the costs of all other objects.
    wanted = wanted.nan_to_num(0.0, torch.inf, -torch.inf)
    distance = ((codes.float()[:, None] - wanted) * known).abs().sum(-1)
    cost = class_weight * focal_cost(logits, labels) + box_weight * distance
    queries, objects = cheapest_pairs(cost, UNUSABLE)
    assigned[queries] = objects
    return assigned
