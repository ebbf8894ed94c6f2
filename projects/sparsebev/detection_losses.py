"""Losses of one decoder pass, of matched and of denoising queries."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.models.query.box_code import box_to_code
from sparse3d.models.query.mean_count import mean_count
from sparse3d.models.query.query_denoising import NoisyQueries
from sparsebev.hungarian_matching import match

FOCAL_LOSS = dict(type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0)
L1_LOSS = dict(type='mmdet.L1Loss', loss_weight=0.25)


@dataclass(frozen=True)
class LossOptions:
    """The losses of a pass.

    Attributes:
        loss_cls, loss_bbox: configs of mmdet's losses.
        code_weights: of the ten numbers of a box code, in costs and losses.
    """

    loss_cls: Mapping = field(default_factory=lambda: dict(FOCAL_LOSS))
    loss_bbox: Mapping = field(default_factory=lambda: dict(L1_LOSS))
    code_weights: Sequence[float] = (2, 2, 1, 1, 1, 1, 1, 1, 1, 1)


class DetectionLosses(nn.Module):
    """Focal loss of classes and L1 of box codes, both divided by the number of objects.

    The number is averaged over all processes and at least one, so that samples and
    batches without an object give a finite loss.

    Args:
        num_classes: K; label K is background.
        loss_cls, loss_bbox: configs of mmdet's losses.
        code_weights: of the ten numbers of a box code.

    Source: SparseBEV (ICCV 2023), section 3.5.
    """

    def __init__(self, num_classes: int, loss_cls: dict, loss_bbox: dict,
                 code_weights: Sequence[float]) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.loss_cls, self.loss_bbox = MODELS.build(loss_cls), MODELS.build(loss_bbox)
        self.register_buffer('code_weights', torch.tensor(list(code_weights)), persistent=False)

    def matched(self, logits: Tensor, codes: Tensor, boxes: Sequence[Tensor],
                labels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Losses of queries that are matched to objects.

        Args:
            logits: [B, Q, K].
            codes: [B, Q, 10].
            boxes: for each sample [M, 9] around gravity centers; an unknown velocity is NaN.
            labels: for each sample [M].
        """
        assigned = match(logits, codes, boxes, labels, self.code_weights)
        wanted_labels = [self._labels(index, labels[sample])
                         for sample, index in enumerate(assigned)]
        positive = assigned >= 0
        wanted = torch.stack([_rows_or_zeros(box_to_code(boxes[sample]), index)
                              for sample, index in enumerate(assigned)])
        counted = torch.ones_like(positive)
        return self._losses(logits, torch.stack(wanted_labels), counted, codes, wanted, positive)

    def denoised(self, logits: Tensor, codes: Tensor, noisy: NoisyQueries) -> tuple[Tensor, Tensor]:
        """Losses of denoising queries [B, S, .] against the clean objects."""
        filled = noisy.filled
        wanted = box_to_code(noisy.target_box).masked_fill(~filled[..., None], 0)
        return self._losses(logits, noisy.target_label, filled, codes, wanted, filled)

    def _labels(self, assigned: Tensor, labels: Tensor) -> Tensor:
        if not len(labels):
            return torch.full_like(assigned, self.num_classes)
        return torch.where(assigned >= 0, labels[assigned.clamp(min=0)], self.num_classes)

    def _losses(self, logits: Tensor, labels: Tensor, counted: Tensor, codes: Tensor,
                wanted: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over queries, divided by the number of positive ones.

        Only counted labels and positive boxes count; of these neither boxes without a finite
        size nor unknown velocities. They are masked by weights of 0, not taken out: the host
        would wait for their number. Predictions are finite here, so that nothing passes a 0.
        """
        normalizer = mean_count(positive.sum())
        classification = self.loss_cls(
            logits.flatten(0, 1), labels.flatten(), counted.flatten().to(logits.dtype),
            avg_factor=normalizer).sum()
        usable = positive & wanted[..., :8].isfinite().all(-1)
        weights = self.code_weights * (wanted.isfinite() & usable[..., None])
        wanted = wanted.nan_to_num(0.0, 0.0, 0.0)
        regression = self.loss_bbox(codes, wanted, weights, avg_factor=normalizer)
        return torch.nan_to_num(classification), torch.nan_to_num(regression)


def _rows_or_zeros(table: Tensor, index: Tensor) -> Tensor:
    """Rows [Q, S] of a table by their numbers [Q]; zeros for -1."""
    padded = torch.cat([table, table.new_zeros(1, table.shape[1])])
    return padded[torch.where(index >= 0, index, len(table))]
