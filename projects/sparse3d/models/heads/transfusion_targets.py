"""What each query should give."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.models.center.heatmap_targets import Drawing, heatmap_targets
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_matching import (
    Matches,
    MatchWeights,
    match,
    match_cost,
)
from sparse3d.ops.rotated_iou import rotated_iou_3d
from sparse3d.structures.box_tensors import lifted, with_velocities

DRAWING = Drawing(truncate=True)  # as released


@dataclass
class QueryTargets:
    """Targets of the queries of one sample, or of a batch (one more axis in front).

    Attributes:
        labels: [Q] class, or the number of classes for background.
        label_weights: [Q] weight of the class's loss.
        codes: [Q, S] numbers of the matched box.
        code_weights: [Q, S] 1 where they count, else 0.
        ious: [Q] 3D overlap with the matched box, -1 without one.
        positives: number of matched queries; [B] for a batch.
    """

    labels: Tensor
    label_weights: Tensor
    codes: Tensor
    code_weights: Tensor
    ious: Tensor
    positives: Tensor

    @staticmethod
    def stack(samples: list[QueryTargets]) -> QueryTargets:
        """Targets of a batch from those of its samples."""
        return QueryTargets(*(torch.stack([getattr(sample, name) for sample in samples])
                              for name in QueryTargets.__dataclass_fields__))


def boxes_and_labels(objects: InstanceData, device: torch.device) -> tuple[Tensor, Tensor]:
    """Boxes [G, 7 or 9] and labels [G] of a sample; a velocity marked as unknown is NaN.

    Args:
        objects: ``bboxes_3d``, ``labels_3d`` and perhaps ``velocity_known``.
    """
    boxes = objects.bboxes_3d.tensor.to(device)
    if 'velocity_known' in objects and boxes.shape[1] >= 9:
        boxes = with_velocities(boxes, objects.velocity_known)
    return boxes, objects.labels_3d.to(device)


def query_targets(
        boxes: Tensor,      # [B, Q, 7 or 9]  predictions, meters
        logits: Tensor,     # [B, Q, K]
        gt: Sequence[tuple[Tensor, Tensor]],  # boxes [G, 7 or 9] and labels [G] of each sample
        coder: TransFusionBoxCoder,
        weights: MatchWeights,
        iou_shift: float = 0.0,
) -> QueryTargets:
    """Match predictions with objects of a batch, and write down what each should have given.

    Args:
        iou_shift: part of its height by which a box is lifted before the overlap is
            measured (the released DSVT takes middles for bottoms: 0.5).
    """
    overlaps = [rotated_iou_3d(lifted(of_sample[:, :7], iou_shift),
                               lifted(gt_boxes[:, :7], iou_shift))
                for of_sample, (gt_boxes, _) in zip(boxes, gt, strict=True)]
    costs = [match_cost(logits[row], boxes[row, :, :2], overlaps[row], gt_labels, gt_boxes[:, :2],
                        coder.extent, weights) for row, (gt_boxes, gt_labels) in enumerate(gt)]
    return QueryTargets.stack([
        targets_of_pairs(pairs, coder.encode(gt_boxes), gt_labels, *logits.shape[1:])
        for pairs, (gt_boxes, gt_labels) in zip(match(costs, overlaps), gt, strict=True)])


def targets_of_pairs(pairs: Matches, gt_codes: Tensor, gt_labels: Tensor,
                     num_queries: int, num_classes: int) -> QueryTargets:
    """Targets from pairs; an unknown velocity (NaN) of a box does not count."""
    labels = gt_labels.new_full((num_queries, ), num_classes)
    labels[pairs.predictions] = gt_labels[pairs.objects]
    codes = gt_codes.new_zeros(num_queries, gt_codes.shape[1])
    weights = torch.zeros_like(codes)
    found = gt_codes[pairs.objects]
    codes[pairs.predictions] = found.nan_to_num()
    weights[pairs.predictions] = found.isfinite().to(codes.dtype)
    overlaps = codes.new_full((num_queries, ), -1)
    overlaps[pairs.predictions] = pairs.ious.to(codes)
    return QueryTargets(labels, codes.new_ones(num_queries), codes, weights, overlaps,
                        labels.new_full((), len(pairs.objects)))


def heat_target(gt: Sequence[tuple[Tensor, Tensor]], coder: TransFusionBoxCoder,
                num_classes: int) -> Tensor:  # [B, K, H, W]
    """What the heat map should be; ``gt`` holds boxes [G, >= 7] and labels [G] of each sample."""
    boxes, labels = [of_sample[:, :7] for of_sample, _ in gt], [names for _, names in gt]
    return heatmap_targets(boxes, labels, coder.grid, num_classes, DRAWING)
