"""Losses of queries, divided by what the whole batch holds on all devices."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparse3d.argument_objects import argument_object
from sparse3d.models.center.heatmap_loss import heatmap_loss, number_of_peaks
from sparse3d.models.heads.transfusion_matching import MatchWeights
from sparse3d.models.heads.transfusion_targets import QueryTargets
from sparse3d.models.query.hungarian_matching import FOCAL_ALPHA, FOCAL_GAMMA
from sparse3d.models.query.mean_count import mean_count
from sparse3d.ops.constants import constant

CODE_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2)


@dataclass(frozen=True)
class LossOptions:
    """Weights of the losses, and who learns which object.

    Attributes:
        match: weights of the matching costs; a dict or :class:`MatchWeights`.
        heat_weight: of the heat map's loss.
        box_weight: of the boxes' loss.
        iou_weight: of the overlaps' loss.
        code_weights: of the numbers of a box in the order of the box coder.
        iou_shift: see :func:`query_targets`.
    """

    match: MatchWeights | Mapping = MatchWeights()
    heat_weight: float = 1.0
    box_weight: float = 0.25
    iou_weight: float = 0.5
    code_weights: Sequence[float] = CODE_WEIGHTS
    iou_shift: float = 0.0

    argument_objects: ClassVar = dict(match=MatchWeights)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'match', argument_object(self, 'match', self.match))


def label_loss(logits: Tensor, labels: Tensor, weights: Tensor,  # [..., K], [...], [...]
               normalizer: Tensor) -> Tensor:
    """Focal loss of classes; a label equal to the number of classes is background."""
    classes = logits.shape[-1]
    target = F.one_hot(labels, classes + 1)[..., :classes].to(logits)
    probability = logits.sigmoid()
    wrong = probability * (1 - target) + (1 - probability) * target
    balance = FOCAL_ALPHA * target + (1 - FOCAL_ALPHA) * (1 - target)
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    return (loss * balance * wrong ** FOCAL_GAMMA * weights[..., None]).sum() / normalizer


def code_loss(codes: Tensor, targets: Tensor, weights: Tensor,  # [..., S] each
              normalizer: Tensor) -> Tensor:
    """Absolute differences, weighted."""
    return ((codes - targets).abs() * weights).sum() / normalizer


def heat_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Focal loss of a heat map, divided by the mean number of objects of all devices."""
    return heatmap_loss(logits, target, weights, mean_count(number_of_peaks(target)))


def query_losses(
        logits: Tensor,                 # [B, Q, K]
        codes: Tensor,                  # [B, Q, S]
        targets: QueryTargets,
        code_weights: Sequence[float],  # S
        box_weight: float,
) -> dict[str, Tensor]:
    """``loss_cls`` and ``loss_bbox`` of one layer, and the mean overlap ``matched_ious``."""
    normalizer = mean_count(targets.positives)
    weights = targets.code_weights * constant(code_weights, codes)
    matched = targets.ious >= 0
    overlap = (targets.ious * matched).sum() / matched.sum().clamp(min=1)
    with torch.autocast(logits.device.type, enabled=False):
        return {
            'loss_cls': label_loss(logits.float(), targets.labels, targets.label_weights,
                                   normalizer),
            'loss_bbox': box_weight * code_loss(codes.float(), targets.codes, weights, normalizer),
            'matched_ious': overlap,
        }
