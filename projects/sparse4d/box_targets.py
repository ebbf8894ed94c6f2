"""Which instance is to become which object, and the box that it is to have.

A box code [..., 10] is the front of an anchor: x, y, z, log dx, log dy, log dz, sin and cos of yaw,
vx, vy; meters in the LiDAR frame, gravity center. The eleventh number of an anchor, vz, has no
target.

Source: Sparse4D v3 (arXiv 2311.11722) and its released code.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.errors import ConfigError
from sparse3d.models.query.hungarian_matching import cheapest_pairs, focal_cost
from sparse3d.ops.constants import constant

CODE_SIZE = 10
SIN, COS = 6, 7
UNUSABLE_COST = 1e8


@dataclass(frozen=True)
class MatchOptions:
    """What a pair of an instance and an object costs.

    Attributes:
        cls_weight, box_weight: of the focal cost and of the weighted L1 distance of codes.
        code_weights: of the ten numbers of a code, in the cost.
        round_classes: labels of what has no direction, as a traffic cone.
        round_weights: further weights of the ten numbers of their codes, in cost and loss.
        published_unknown_velocities: an unknown velocity makes all pairs of its object unusable,
            so that any instance gets it.
    """

    cls_weight: float = 2.0
    box_weight: float = 0.25
    code_weights: Sequence[float] = (2, 2, 2, 0.5, 0.5, 0.5, 0, 0, 0, 0)
    round_classes: Sequence[int] = ()
    round_weights: Sequence[float] = (2, 2, 2, 1, 1, 1, 0, 0, 1, 1)
    published_unknown_velocities: bool = False

    def __post_init__(self) -> None:
        for what in ('code_weights', 'round_weights'):
            if len(getattr(self, what)) != CODE_SIZE:
                raise ConfigError(f'{what} of the matching has {len(getattr(self, what))} '
                                  f'numbers; a box code has {CODE_SIZE}')


class BoxTargets(NamedTuple):
    """Targets of the A instances of each sample.

    Attributes:
        labels: [B, A] class, K where there is no object.
        codes: [B, A, 10], zero where there is no object; NaN where a velocity is unknown.
        weights: [B, A, 10] of the numbers of a code in the loss; zero where one is unknown.
        matched: [B, A] whether there is an object.
    """

    labels: Tensor
    codes: Tensor
    weights: Tensor
    matched: Tensor


def encode_boxes(boxes: Tensor) -> Tensor:
    """Boxes [..., 9] (x, y, z, dx, dy, dz, yaw, vx, vy; gravity center) as codes [..., 10]."""
    return torch.cat([boxes[..., :3], boxes[..., 3:6].log(), boxes[..., 6:7].sin(),
                      boxes[..., 6:7].cos(), boxes[..., 7:9]], -1)


def decode_codes(codes: Tensor) -> Tensor:
    """Codes or anchors [..., >= 10] as boxes [..., 9], yaw in (-pi, pi]."""
    return torch.cat([codes[..., :3], codes[..., 3:6].exp(),
                      torch.atan2(codes[..., SIN:COS], codes[..., COS:COS + 1]),
                      codes[..., 8:CODE_SIZE]], -1)


def number_weights(codes: Tensor, labels: Tensor, options: MatchOptions) -> Tensor:
    """Weights [M, 10] of the numbers of the objects' codes: of their class, 0 for unknown ones.

    Args:
        codes: [M, 10]; NaN is unknown.
        labels: [M].
    """
    weights = torch.ones_like(codes)
    for label in options.round_classes:
        weights = torch.where((labels == label)[:, None],
                              constant(options.round_weights, weights), weights)
    return weights * ~codes.isnan()


def box_cost(
        predicted: Tensor,  # [A, 10]
        codes: Tensor,      # [M, 10]
        weights: Tensor,    # [M, 10]
        options: MatchOptions,
) -> Tensor:                # [A, M]
    """Weighted L1 distances of codes; an unknown number costs nothing."""
    distance = (predicted[:, None] - codes[None]).abs()
    if not options.published_unknown_velocities:
        distance = distance.masked_fill(codes.isnan()[None], 0)
    factors = weights * constant(options.code_weights, weights)
    return (distance * factors[None]).sum(-1) * options.box_weight


def pair_costs(logits: Tensor, predicted: Tensor, codes: Tensor, labels: Tensor,
               options: MatchOptions) -> Tensor:
    """Costs [A, M] of the instances and objects of one sample.

    Args:
        logits: [A, K].
        predicted: [A, 10] codes.
        codes: [M, 10] of the objects.
        labels: [M].
    """
    weights = number_weights(codes, labels, options)
    return options.cls_weight * focal_cost(logits, labels) + box_cost(
        predicted.float(), codes, weights, options)


@torch.no_grad()
def assign_targets(logits: Tensor, anchors: Tensor, boxes: Sequence[Tensor],
                   labels: Sequence[Tensor], options: MatchOptions) -> BoxTargets:
    """Match the instances of a batch to its objects at the least total cost.

    Args:
        logits: [B, A, K].
        anchors: [B, A, >= 10].
        boxes: for each sample [M, 9] around gravity centers; an unknown velocity is NaN.
        labels: for each sample [M].
    """
    batch, count, num_classes = logits.shape
    codes = [encode_boxes(sample) for sample in boxes]
    costs = [pair_costs(logits[sample], anchors[sample, :, :CODE_SIZE], codes[sample],
                        labels[sample], options) for sample in range(batch)]
    found = BoxTargets(
        labels[0].new_full((batch, count), num_classes, dtype=torch.long),
        anchors.new_zeros(batch, count, CODE_SIZE), anchors.new_zeros(batch, count, CODE_SIZE),
        torch.zeros(batch, count, dtype=torch.bool, device=anchors.device))
    for sample, (rows, columns) in enumerate(cheapest_pairs(costs, UNUSABLE_COST)):
        weights = number_weights(codes[sample], labels[sample], options)
        found.labels[sample, rows] = labels[sample][columns]
        found.codes[sample, rows] = codes[sample][columns].to(anchors.dtype)
        found.weights[sample, rows] = weights[columns].to(anchors.dtype)
        found.matched[sample, rows] = True
    return found
