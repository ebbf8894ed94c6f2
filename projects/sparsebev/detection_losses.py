"""Losses of one decoder pass, of matched and of denoising queries."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparsebev.box_code import box_to_code
from sparsebev.hungarian_matching import match
from sparsebev.query_denoising import NoisyQueries


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
        assigned = [match(logits[sample], codes[sample], boxes[sample], labels[sample],
                          self.code_weights) for sample in range(len(logits))]
        wanted_labels = [self._labels(index, labels[sample])
                         for sample, index in enumerate(assigned)]
        positive = torch.stack(assigned) >= 0
        wanted = torch.cat([boxes[sample][index[index >= 0]]
                            for sample, index in enumerate(assigned)])
        normalizer = _mean_count(positive.sum())
        return self._losses(logits.flatten(0, 1), torch.cat(wanted_labels), codes[positive],
                            box_to_code(wanted), normalizer)

    def denoised(self, logits: Tensor, codes: Tensor, noisy: NoisyQueries) -> tuple[Tensor, Tensor]:
        """Losses of denoising queries [B, S, .] against the clean objects."""
        filled = noisy.filled
        return self._losses(logits[filled], noisy.target_label[filled], codes[filled],
                            box_to_code(noisy.target_box[filled]), _mean_count(filled.sum()))

    def _labels(self, assigned: Tensor, labels: Tensor) -> Tensor:
        if not len(labels):
            return torch.full_like(assigned, self.num_classes)
        return torch.where(assigned >= 0, labels[assigned.clamp(min=0)], self.num_classes)

    def _losses(self, logits: Tensor, labels: Tensor, codes: Tensor, wanted: Tensor,
                normalizer: float) -> tuple[Tensor, Tensor]:
        """Sums over queries, divided; boxes without a finite size and unknown velocities do
        not count."""
        classification = self.loss_cls(logits, labels, avg_factor=normalizer).sum()
        usable = wanted[:, :8].isfinite().all(-1)
        if not usable.any():
            return torch.nan_to_num(classification), codes.sum() * 0
        known = wanted.isfinite()
        regression = self.loss_bbox(
            codes[usable], wanted.nan_to_num()[usable], (self.code_weights * known)[usable],
            avg_factor=normalizer)
        return torch.nan_to_num(classification), torch.nan_to_num(regression)


def _mean_count(count: Tensor) -> float:
    return reduce_mean(count.float().reshape(1)).clamp(min=1.0).item()
