"""One prediction for each object by class, place and overlap."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.query.hungarian_matching import cheapest_pairs, focal_cost

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


def center_cost(predicted: Tensor, objects: Tensor,  # [Q, 2], [G, 2]  meters
                extent: Sequence[float]) -> Tensor:  # [Q, G]
    """Sum of the distances along both axes, as fractions of the range's ``extent``."""
    objects = objects.to(predicted)
    return sum(torch.cdist(predicted[:, axis:axis + 1] / extent[axis],
                           objects[:, axis:axis + 1] / extent[axis], p=1) for axis in range(2))


@torch.no_grad()
def match_cost(
        logits: Tensor,      # [Q, K]
        predicted: Tensor,   # [Q, 2]  centers, meters
        ious: Tensor,        # [Q, G]  3D
        labels: Tensor,      # [G]
        objects: Tensor,     # [G, 2]  centers, meters
        extent: Sequence[float],
        weights: MatchWeights,
        extra: Tensor | None = None,  # [Q, G]
) -> Tensor:                      # [Q, G]
    """What it costs to match each prediction with each object.

    Args:
        extent: of the range along both axes, meters.
        extra: more cost, such as that of looking from another camera.

    Source: TransFusion (CVPR 2022), section 3.4.
    """
    cost = (weights.label * focal_cost(logits, labels)
            + weights.center * center_cost(predicted, objects, extent)
            - weights.iou * ious.to(predicted))
    return cost if extra is None else cost + extra


def match(costs: Sequence[Tensor],  # [Q, G] each
          ious: Sequence[Tensor],   # [Q, G] each, 3D
          ) -> list[Matches]:
    """Pairs of the least total cost; every object is matched while predictions last.

    Source: TransFusion (CVPR 2022), section 3.4; Hungarian algorithm (scipy).
    """
    return [Matches(rows, columns, of_sample[rows, columns].clamp(0, 1)) for (rows, columns),
            of_sample in zip(cheapest_pairs(costs, IMPOSSIBLE), ious, strict=True)]
