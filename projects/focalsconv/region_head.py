"""The second stage: score and correct regions by features pooled inside them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor, nn

from focalsconv.region_boxes import apply_residuals, grid_points, to_bottoms, to_centres
from focalsconv.region_losses import region_losses
from focalsconv.region_proposals import Regions
from focalsconv.region_targets import SamplingOptions, sample_regions
from focalsconv.shared_layers import connected
from sparse3d.ops.rotated_iou import bird_eye_view
from sparse3d.ops.rotated_nms import rotated_nms


@dataclass(frozen=True)
class DetectionOptions:
    """Which corrected regions are detections; boxes of all classes compete."""

    score: float            # at least
    overlap: float = 0.1    # intersection over union from above, beyond which the weaker goes
    before: int = 4096
    after: int = 500


@MODELS.register_module()
class RegionHead(nn.Module):
    """One score and one set of residuals per region, whatever its class.

    Args:
        pooling: config of a module ``forward(features, queries, sample)`` with ``out_channels``.
        detections: fields of :class:`DetectionOptions`.
        sampling: fields of :class:`SamplingOptions`.
        grid_size: grid points along each side of a region.
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
        self.change = connected([channels[-1], *channels], dropout)
        self.score_out = nn.Linear(channels[-1], 1)
        self.change_out = nn.Linear(channels[-1], 7)

    def init_weights(self) -> None:
        """Xavier for the layers; the last ones start small, so that regions start unchanged."""
        for stack in (self.shared, self.score, self.change):
            for layer in stack:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_normal_(layer.weight)
        nn.init.normal_(self.score_out.weight, std=0.01)
        nn.init.normal_(self.change_out.weight, std=0.001)
        for layer in (self.score_out, self.change_out):
            nn.init.zeros_(layer.bias)

    def forward(self, features: dict[str, Any], regions: list[Regions]) -> tuple[Tensor, Tensor]:
        """Score logits [R] and residuals [R, 7] of all regions, samples one after the other."""
        boxes = torch.cat([of_sample.boxes for of_sample in regions])
        sample = torch.cat([torch.full_like(of_sample.labels, index)
                            for index, of_sample in enumerate(regions)])
        queries = grid_points(boxes, self.grid_size).flatten(0, 1)  # [R * G, 3]
        pooled = self.pooling(features, queries, sample.repeat_interleave(self.grid_size ** 3))
        shared = self.shared(pooled.reshape(len(boxes), self.shared[0].in_features))
        return self.score_out(self.score(shared)).squeeze(1), self.change_out(self.change(shared))

    def loss(self, features: dict[str, Any], regions: list[Regions],
             objects: list[InstanceData]) -> dict[str, Tensor]:
        """Losses on a sample of the regions.

        Args:
            objects: ground truth with ``bboxes_3d`` and ``labels_3d``.
        """
        targets = [sample_regions(of_sample, to_centres(truth.bboxes_3d.tensor.to(
                       of_sample.boxes)), truth.labels_3d.to(of_sample.labels), self.sampling)
                   for of_sample, truth in zip(regions, objects, strict=True)]
        scores, changes = self(features, [target.regions for target in targets])
        return region_losses(scores, changes, targets)

    def predict(self, features: dict[str, Any], regions: list[Regions]) -> list[InstanceData]:
        """Corrected and thinned-out regions: ``bboxes_3d``, ``scores_3d``, ``labels_3d``."""
        scores, changes = self(features, regions)
        counts = [len(of_sample.boxes) for of_sample in regions]
        return [self._detections(of_sample, *outputs) for of_sample, *outputs in zip(
            regions, scores.float().sigmoid().split(counts), changes.float().split(counts),
            strict=True)]

    def _detections(self, regions: Regions, scores: Tensor, changes: Tensor) -> InstanceData:
        options = self.detections
        boxes = to_bottoms(apply_residuals(changes, regions.boxes))
        able = (scores >= options.score) & boxes.isfinite().all(1)
        boxes, scores, labels = boxes[able], scores[able], regions.labels[able]
        best = scores.argsort(descending=True, stable=True)[:options.before]
        kept = best[rotated_nms(bird_eye_view(boxes[best]), scores[best], options.overlap)]
        kept = kept[:options.after]
        return InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes[kept]), scores_3d=scores[kept],
                            labels_3d=labels[kept])
