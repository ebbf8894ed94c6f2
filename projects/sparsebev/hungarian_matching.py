"""One prediction for each object by class and box."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.models.query.box_code import box_to_code
from sparse3d.models.query.hungarian_matching import cheapest_pairs, focal_cost

UNUSABLE = 100.0  # cost of a pair whose cost is not a number, as published


@torch.no_grad()
def match(logits: Tensor, codes: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor],
          code_weights: Tensor, class_weight: float = 2.0, box_weight: float = 0.25) -> Tensor:
    """Object of each query of a batch.

    Args:
        logits: [B, Q, K].
        codes: predicted box codes [B, Q, 10].
        boxes: for each sample the ground truth [M, 9] around gravity centers; an unknown velocity
            is NaN and costs nothing.
        labels: for each sample [M].
        code_weights: [10], of both sides of the L1 cost.

    Returns:
        for each sample [Q] index of the object, -1 for background.

    Source: SparseBEV (ICCV 2023), section 3.5; costs as in the released code.
    """
    costs = [_cost(logits[sample], codes[sample], of_sample, labels[sample], code_weights,
                   class_weight, box_weight) for sample, of_sample in enumerate(boxes)]
    assigned = logits.new_full(logits.shape[:2], -1, dtype=torch.long)
    for of_sample, (queries, objects) in zip(assigned, cheapest_pairs(costs, UNUSABLE),
                                             strict=True):
        of_sample[queries] = objects
    return assigned


def _cost(logits: Tensor, codes: Tensor, boxes: Tensor, labels: Tensor, code_weights: Tensor,
          class_weight: float, box_weight: float) -> Tensor:  # [Q, M]
    wanted = box_to_code(boxes)
    known = torch.cat([torch.ones_like(wanted[:, :8]),
                       (~wanted[:, 8:].isnan()).to(wanted.dtype)], 1) * code_weights
    # A size of 0 stays infinitely far, so that the pair counts as unusable: a huge finite cost
    # would swallow the costs of all other objects.
    wanted = wanted.nan_to_num(0.0, torch.inf, -torch.inf)
    distance = ((codes.float()[:, None] - wanted) * known).abs().sum(-1)
    return class_weight * focal_cost(logits, labels) + box_weight * distance
