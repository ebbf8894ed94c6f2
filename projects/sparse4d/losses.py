"""Losses of one decoder layer, of matched and of denoising instances.

Source: Sparse4D v3 (arXiv 2311.11722), section 3.2, and its released code.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.query.mean_count import mean_count
from sparse4d.box_targets import (
    CODE_SIZE,
    COS,
    SIN,
    BoxTargets,
    MatchOptions,
    assign_targets,
)
from sparse4d.denoising import NoisyInstances

FOCAL_LOSS = dict(type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0)
L1_LOSS = dict(type='mmdet.L1Loss', loss_weight=0.25)
CENTERNESS, YAWNESS = 0, 1  # columns of the quality logits
_YAW = slice(SIN, COS + 1)


@dataclass(frozen=True)
class LossOptions:
    """The losses of a layer.

    Attributes:
        loss_cls, loss_box: configs of mmdet's losses.
        centerness_weight, yawness_weight: of the losses of quality.
        code_weights: of the ten numbers of a box code in the loss.
        box_score_threshold: boxes and quality of a matched instance that scores no more than this
            do not count.
        reversible_classes: labels of what looks alike from the front and from behind: the target's
            direction is the nearer one of both.
    """

    loss_cls: Mapping = field(default_factory=lambda: dict(FOCAL_LOSS))
    loss_box: Mapping = field(default_factory=lambda: dict(L1_LOSS))
    centerness_weight: float = 1.0
    yawness_weight: float = 1.0
    code_weights: Sequence[float] = (2, 2, 2, 1, 1, 1, 1, 1, 1, 1)
    box_score_threshold: float = 0.05
    reversible_classes: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.code_weights) != CODE_SIZE:
            raise ConfigError(f'code_weights of the losses has {len(self.code_weights)} numbers; a '
                              f'box code has {CODE_SIZE}')


class InstanceLosses(nn.Module):
    """Focal loss of classes, L1 of box codes, and losses of the two qualities of a box.

    All are sums divided by the number of matched instances (or of valid denoising ones), averaged
    over all processes and at least one, so that batches without an object give a finite loss.

    Args:
        num_classes: K; label K is background.
        matching: what pairs cost.
        options: of the losses.
    """

    def __init__(self, num_classes: int, matching: MatchOptions, options: LossOptions) -> None:
        super().__init__()
        self.num_classes, self.matching, self.options = num_classes, matching, options
        self.loss_cls = MODELS.build(options.loss_cls)
        self.loss_box = MODELS.build(options.loss_box)
        self.register_buffer('code_weights', torch.tensor(list(map(float, options.code_weights))),
                             persistent=False)

    def matched(self, logits: Tensor, anchors: Tensor, quality: Tensor | None,
                boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> dict[str, Tensor]:
        """Losses ``cls``, ``box`` and, with quality, ``cns`` and ``yns`` of matched instances.

        Args:
            logits: [B, A, K].
            anchors: [B, A, 11].
            quality: [B, A, 2] logits of centerness and yawness, or None.
            boxes: for each sample [M, 9] around gravity centers; an unknown velocity is NaN.
            labels: for each sample [M].
        """
        targets = assign_targets(logits, anchors, boxes, labels, self.matching)
        return self.of_targets(logits, anchors, quality, targets)

    def of_targets(self, logits: Tensor, anchors: Tensor, quality: Tensor | None,
                   targets: BoxTargets) -> dict[str, Tensor]:
        """:meth:`matched` against targets that are there."""
        count = mean_count(targets.matched.sum())
        losses = dict(cls=self._classification(logits.flatten(0, 1), targets.labels.flatten(),
                                               count))
        scores = logits.detach().max(-1).values.sigmoid()
        chosen = _rows(targets.matched & (scores > self.options.box_score_threshold))
        codes = anchors[..., :CODE_SIZE].flatten(0, 1)[chosen]
        wanted = self._nearer_direction(targets.codes.flatten(0, 1)[chosen], codes,
                                        targets.labels.flatten()[chosen])
        losses['box'] = self._boxes(codes, wanted, targets.weights.flatten(0, 1)[chosen], count)
        if quality is not None:
            losses.update(self._qualities(quality.flatten(0, 1)[chosen], codes, wanted, count))
        return losses

    def denoised(self, logits: Tensor, anchors: Tensor, noisy: NoisyInstances
                 ) -> dict[str, Tensor]:
        """Losses ``cls`` and ``box`` of denoising instances [B, S, .]."""
        count = mean_count(noisy.valid.sum())
        valid, positive = _rows(noisy.valid), _rows(noisy.valid & (noisy.labels >= 0))
        codes = anchors[..., :CODE_SIZE].flatten(0, 1)[positive]
        wanted = noisy.codes.flatten(0, 1)[positive]
        labels = noisy.labels.flatten()[valid]
        return dict(cls=self._classification(logits.flatten(0, 1)[valid], labels, count),
                    box=self._boxes(codes, wanted, (~wanted.isnan()).to(codes.dtype), count))

    def _classification(self, logits: Tensor, labels: Tensor, count: Tensor) -> Tensor:
        """Focal loss; every label outside of 0 to K - 1 is background."""
        known = (labels >= 0) & (labels < self.num_classes)
        if not len(labels):
            return logits.sum() * 0
        return self.loss_cls(logits, labels.masked_fill(~known, self.num_classes),
                             avg_factor=count)

    def _boxes(self, codes: Tensor, wanted: Tensor, weights: Tensor, count: Tensor) -> Tensor:
        """L1 of codes [P, 10]; numbers that are unknown or infinite do not count."""
        weights = weights * self.code_weights * wanted.isfinite()
        return self.loss_box(codes, wanted.nan_to_num(0.0, 0.0, 0.0), weights, avg_factor=count)

    def _nearer_direction(self, wanted: Tensor, codes: Tensor, labels: Tensor) -> Tensor:
        """Targets [P, 10] of reversible classes turned round if that is nearer."""
        if not self.options.reversible_classes:
            return wanted
        reversible = torch.isin(labels, labels.new_tensor(list(self.options.reversible_classes)))
        turned = reversible & (_same_direction(codes, wanted) < 0)
        yaw = torch.where(turned[:, None], -wanted[:, _YAW], wanted[:, _YAW])
        return torch.cat([wanted[:, :SIN], yaw, wanted[:, COS + 1:]], 1)

    def _qualities(self, quality: Tensor, codes: Tensor, wanted: Tensor, count: Tensor
                   ) -> dict[str, Tensor]:
        """Cross entropy of centerness, whose target moves the box as well, and yawness' focal."""
        centerness = (-(wanted[:, :3] - codes[:, :3]).norm(dim=-1)).exp()
        loss = F.binary_cross_entropy_with_logits(quality[:, CENTERNESS], centerness,
                                                  reduction='sum')
        right = _same_direction(codes, wanted) > 0
        chance = quality[:, YAWNESS].sigmoid()
        return dict(cns=self.options.centerness_weight * loss / count,
                    yns=self.options.yawness_weight * _gaussian_focal(chance, right).sum() / count)


def _rows(chosen: Tensor) -> Tensor:
    """Where [B, A] is true, as rows of [B * A]: a GPU is waited for once, not by each mask."""
    return chosen.flatten().nonzero()[:, 0]


def _same_direction(codes: Tensor, wanted: Tensor) -> Tensor:
    """Cosine of the angle [P] between the directions of codes; their pairs have any length."""
    return F.cosine_similarity(wanted[:, _YAW], codes[:, _YAW], dim=-1)


def _gaussian_focal(chance: Tensor, right: Tensor, tiny: float = 1e-12) -> Tensor:
    """Focal loss [P] of CornerNet, whose targets are here yes or no."""
    positive = -(chance + tiny).log() * (1 - chance) ** 2
    negative = -(1 - chance + tiny).log() * chance ** 2
    return torch.where(right, positive, negative)
