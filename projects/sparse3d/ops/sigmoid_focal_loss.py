"""Sigmoid focal loss of class indices, element by element, and its gradient."""
from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = torch.finfo(torch.float32).tiny  # below it a logarithm is cut off


def sigmoid_focal_loss(
        logits: Tensor,     # [N, C]
        target: Tensor,     # [N] int64; C and more, or less than 0: background
        weight: Tensor,     # [C] of the target's class, or empty: 1
        gamma: float,
        alpha: float,
) -> Tensor:                # [N, C]
    """Loss of each class of each row.

    Source: Lin et al., Focal Loss for Dense Object Detection (ICCV 2017), equation 5.
    """
    score = logits.sigmoid()
    positive = (1 - score).pow(gamma) * score.clamp(min=SMALLEST).log()
    negative = score.pow(gamma) * (1 - score).clamp(min=SMALLEST).log()
    return _of_targets(positive, negative, target, weight, alpha)


def sigmoid_focal_loss_backward(
        logits: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float,
) -> Tensor:                # [N, C]
    """Derivative of each element of :func:`sigmoid_focal_loss` by its logit."""
    score = logits.sigmoid()
    rest = 1 - score
    positive = rest.pow(gamma) * (rest - gamma * score * score.clamp(min=SMALLEST).log())
    negative = score.pow(gamma) * (gamma * rest * rest.clamp(min=SMALLEST).log() - score)
    return _of_targets(positive, negative, target, weight, alpha)


def _of_targets(positive: Tensor, negative: Tensor, target: Tensor, weight: Tensor,
                alpha: float) -> Tensor:
    classes = positive.shape[1]
    is_target = target[:, None] == torch.arange(classes, device=target.device)
    loss = torch.where(is_target, -alpha * positive, (alpha - 1) * negative)
    if weight.numel():
        of_row = weight[target.clamp(0, classes - 1)]
        loss = loss * torch.where((target >= 0) & (target < classes), of_row, 1)[:, None]
    return loss
