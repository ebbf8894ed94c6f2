"""The second stage: score and correct proposals by features pooled inside them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor, nn

from focalsconv.proposal_boxes import apply_residuals, grid_points
from focalsconv.proposal_targets import SamplingOptions, sample_proposals
from focalsconv.proposals import Proposals
from focalsconv.roi_losses import roi_losses
from focalsconv.shared_layers import connected
from sparse3d.ops.rotated_iou import bev_boxes
from sparse3d.ops.rotated_nms import rotated_nms
from sparse3d.structures.box_tensors import at_bottoms, at_centers


@dataclass(frozen=True)
class DetectionOptions:
    """Which corrected proposals are detections; boxes of all classes compete."""

    score_threshold: float  # at least
    iou_threshold: float = 0.1  # BEV IoU, beyond which the weaker goes
    nms_pre: int = 4096
    max_detections: int = 500


@MODELS.register_module()
class RoIHead(nn.Module):
    """One score and one set of residuals per proposal, whatever its class.

    Args:
        pooling: config of a module ``forward(features, queries, sample)`` with ``out_channels``.
        detections: fields of :class:`DetectionOptions`.
        sampling: fields of :class:`SamplingOptions`.
        grid_size: grid points along each side of a proposal.
        channels: widths of the shared layers, and of those of score and residuals.
        dropout: between two layers.

    Source: Voxel R-CNN (AAAI 2021), section 3.3; PV-RCNN (CVPR 2020), section 3.4.
    """

    def __init__(self, pooling: dict, detections: dict, sampling: dict | None = None,
                 grid_size: int = 6, channels: Sequence[int] = (256, 256),
                 dropout: float = 0.3) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.detections = DetectionOptions(**detections)
        self.sampling = SamplingOptions(**(sampling or {}))
        self.pooling = MODELS.build(pooling)
        width = self.pooling.out_channels * grid_size ** 3
        self.shared = connected([width, *channels], dropout)
        self.score = connected([channels[-1], *channels], dropout)
        self.box_delta = connected([channels[-1], *channels], dropout)
        self.score_out = nn.Linear(channels[-1], 1)
        self.box_delta_out = nn.Linear(channels[-1], 7)

    def init_weights(self) -> None:
        """Xavier for the layers; the last ones start small, so that proposals start unchanged."""
        for stack in (self.shared, self.score, self.box_delta):
            for layer in stack:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_normal_(layer.weight)
        nn.init.normal_(self.score_out.weight, std=0.01)
        nn.init.normal_(self.box_delta_out.weight, std=0.001)
        for layer in (self.score_out, self.box_delta_out):
            nn.init.zeros_(layer.bias)

    def forward(
        self, features: dict[str, Any], proposals: list[Proposals]
    ) -> tuple[Tensor, Tensor]:
        """Score logits [R] and residuals [R, 7] of all proposals, samples one after the other."""
        boxes = torch.cat([of_sample.boxes for of_sample in proposals])
        sample = torch.cat([torch.full_like(of_sample.labels, index)
                            for index, of_sample in enumerate(proposals)])
        queries = grid_points(boxes, self.grid_size).flatten(0, 1)  # [R * G, 3]
        pooled = self.pooling(features, queries, sample.repeat_interleave(self.grid_size ** 3))
        shared = self.shared(pooled.reshape(len(boxes), self.shared[0].in_features))
        return self.score_out(self.score(shared)).squeeze(1), self.box_delta_out(
            self.box_delta(shared)
        )

    def loss(self, features: dict[str, Any], proposals: list[Proposals],
             objects: list[InstanceData]) -> dict[str, Tensor]:
        """Losses on a sample of the proposals.

        Args:
            objects: ground truth with ``bboxes_3d`` and ``labels_3d``.
        """
        targets = [sample_proposals(of_sample, at_centers(truth.bboxes_3d.tensor.to(
                       of_sample.boxes)), truth.labels_3d.to(of_sample.labels), self.sampling)
                   for of_sample, truth in zip(proposals, objects, strict=True)]
        scores, box_deltas = self(features, [target.proposals for target in targets])
        return roi_losses(scores, box_deltas, targets)

    def predict(self, features: dict[str, Any], proposals: list[Proposals]) -> list[InstanceData]:
        """Corrected and thinned-out proposals: ``bboxes_3d``, ``scores_3d``, ``labels_3d``."""
        scores, box_deltas = self(features, proposals)
        counts = [len(of_sample.boxes) for of_sample in proposals]
        return [self._detections(of_sample, *outputs) for of_sample, *outputs in zip(
            proposals, scores.float().sigmoid().split(counts), box_deltas.float().split(counts),
            strict=True)]

    def _detections(self, proposals: Proposals, scores: Tensor, box_deltas: Tensor) -> InstanceData:
        options = self.detections
        boxes = at_bottoms(apply_residuals(box_deltas, proposals.boxes))
        able = (scores >= options.score_threshold) & boxes.isfinite().all(1)
        boxes, scores, labels = boxes[able], scores[able], proposals.labels[able]
        best = scores.argsort(descending=True, stable=True)[:options.nms_pre]
        kept = best[rotated_nms(bev_boxes(boxes[best]), scores[best], options.iou_threshold)]
        kept = kept[:options.max_detections]
        return InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes[kept]), scores_3d=scores[kept],
                            labels_3d=labels[kept])
