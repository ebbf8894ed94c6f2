"""Losses of queries and heat maps, divided by what the whole batch holds on all devices."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from mmdet.models.losses.gaussian_focal_loss import gaussian_focal_loss
from mmdet.utils import reduce_mean
from torch import Tensor

from sparse3d.models.heads.transfusion_matching import FOCAL_ALPHA, FOCAL_GAMMA
from sparse3d.models.heads.transfusion_targets import QueryTargets

SURE = 1e-4  # probabilities of a heat map stay this far from 0 and 1


def mean_count(count: Tensor) -> Tensor:
    """Mean over all devices of a number of positives, at least 1."""
    return reduce_mean(count.float().sum()).clamp(min=1)


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
    """Focal loss that punishes heat near an object less, divided by the number of objects.

    Source: CornerNet (ECCV 2018), equation 1.
    """
    probability = logits.float().sigmoid().clamp(SURE, 1 - SURE)
    count = mean_count((target == 1).sum())
    loss = gaussian_focal_loss(probability, target, weights, reduction='sum')
    return loss / count


def query_losses(
        logits: Tensor,                 # [B, Q, K]
        codes: Tensor,                  # [B, Q, S]
        targets: QueryTargets,
        code_weights: Sequence[float],  # S
        box_weight: float,
) -> dict[str, Tensor]:
    """``loss_cls`` and ``loss_bbox`` of one layer, and the mean overlap ``matched_ious``."""
    normalizer = mean_count(targets.positives)
    weights = targets.code_weights * codes.new_tensor(list(code_weights))
    matched = targets.ious >= 0
    overlap = (targets.ious * matched).sum() / matched.sum().clamp(min=1)
    with torch.autocast(logits.device.type, enabled=False):
        return {
            'loss_cls': label_loss(logits.float(), targets.labels, targets.label_weights,
                                   normalizer),
            'loss_bbox': box_weight * code_loss(codes.float(), targets.codes, weights, normalizer),
            'matched_ious': overlap,
        }
