"""One prediction for each object, at the least total cost."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
IMPOSSIBLE = 1e6  # cost of what is not a number


@dataclass(frozen=True)
class MatchWeights:
    """Weights of the three costs.

    Attributes:
        label: of the focal cost of the object's class.
        center: of the distance in BEV, as a fraction of the range.
        iou: of the negative 3D overlap.
    """

    label: float = 0.15
    center: float = 0.25
    iou: float = 0.25


@dataclass
class Matches:
    """Pairs of a prediction and an object.

    Attributes:
        predictions: [M] index of each matched prediction, ascending.
        objects: [M] index of its object.
        ious: [M] 3D overlap of the pair.
    """

    predictions: Tensor
    objects: Tensor
    ious: Tensor


def label_cost(logits: Tensor, labels: Tensor) -> Tensor:  # [Q, K], [G] -> [Q, G]
    """Focal cost of giving each prediction the class of each object.

    Source: Deformable DETR (ICLR 2021), released code.
    """
    probability = logits.float().sigmoid()
    tiny = 1e-12
    negative = -(1 - probability + tiny).log() * (1 - FOCAL_ALPHA) * probability ** FOCAL_GAMMA
    positive = -(probability + tiny).log() * FOCAL_ALPHA * (1 - probability) ** FOCAL_GAMMA
    return (positive - negative)[:, labels]


def center_cost(predicted: Tensor, objects: Tensor,  # [Q, 2], [G, 2]  meters
                extent: list[float]) -> Tensor:      # [Q, G]
    """Sum of the distances along both axes, as fractions of the range's ``extent``."""
    scale = predicted.new_tensor(extent)
    return torch.cdist(predicted / scale, objects.to(predicted) / scale, p=1)


@torch.no_grad()
def match(
        logits: Tensor,      # [Q, K]
        predicted: Tensor,   # [Q, 2]  centers, meters
        ious: Tensor,        # [Q, G]  3D
        labels: Tensor,      # [G]
        objects: Tensor,     # [G, 2]  centers, meters
        extent: list[float],
        weights: MatchWeights,
        extra: Tensor | None = None,  # [Q, G]
) -> Matches:
    """Pairs of the least total cost; every object is matched while predictions last.

    Args:
        extent: of the range along both axes, meters.
        extra: more cost, such as that of looking from another camera.

    Source: TransFusion (CVPR 2022), section 3.4; Hungarian algorithm (scipy).
    """
    cost = (weights.label * label_cost(logits, labels)
            + weights.center * center_cost(predicted, objects, extent)
            - weights.iou * ious.to(predicted))
    if extra is not None:
        cost = cost + extra
    cost = torch.nan_to_num(cost, IMPOSSIBLE, IMPOSSIBLE, -IMPOSSIBLE)
    rows, columns = (torch.from_numpy(index).to(logits.device)
                     for index in linear_sum_assignment(cost.cpu().numpy()))
    return Matches(rows, columns, ious[rows, columns].clamp(0, 1))
