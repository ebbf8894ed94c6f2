"""Which labeled objects were found, one by one: for sets too small for average precision."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from sparse3d.ops.points_in_boxes import points_in_boxes
from sparse3d.ops.rotated_iou import rotated_iou_3d
from sparse3d.structures.box_tensors import at_centers


@dataclass(frozen=True)
class MatchedObjects:
    """Objects of one or several frames and what was detected of them.

    Attributes:
        ious: [n] 3D IoU of each object with the detection assigned to it, 0 for none.
        scores: [n] score of that detection, 0 for none.
        points: [n] LiDAR points in each object.
        false_scores: [m] scores of the detections that belong to no object.
    """

    ious: Tensor
    scores: Tensor
    points: Tensor
    false_scores: Tensor

    def count_matched(self, iou_threshold: float) -> int:
        """Objects whose detection overlaps them by at least ``iou_threshold``."""
        return int((self.ious >= iou_threshold).sum())

    def false_above_lowest(self) -> int:
        """False positives that score higher than the worst of the found objects."""
        found = self.scores[self.ious > 0]
        return int((self.false_scores > found.min()).sum()) if len(found) else 0


def match_objects(
        detected: Tensor,     # [m, 7] boxes, LiDAR frame
        scores: Tensor,       # [m]
        labeled: Tensor,      # [n, 7]
        points: Tensor,       # [p, 3+]
        min_points: int,
        iou_threshold: float,
) -> MatchedObjects:
    """Assign detections to objects of one class, best score first, each object once.

    A detection belongs to the free object it overlaps most, if by at least ``iou_threshold``.
    Objects with fewer than ``min_points`` points need not be found: they are left out,
    and a detection of one of them is no false positive.
    """
    inside = points_in_boxes(points[:, :3], labeled)
    counts = torch.bincount(inside[inside >= 0], minlength=len(labeled))
    overlap = rotated_iou_3d(detected.double(), labeled.double())  # [m, n]
    best = torch.zeros(len(labeled), dtype=torch.float64)
    best_scores = torch.zeros(len(labeled), dtype=torch.float64)
    false_scores = []
    for row in scores.argsort(descending=True, stable=True).tolist():
        free = overlap[row].masked_fill(best > 0, 0.0)
        column = int(free.argmax()) if len(labeled) else -1
        if column < 0 or free[column] < iou_threshold:
            false_scores.append(float(scores[row]))
            continue
        best[column], best_scores[column] = free[column], float(scores[row])
    needed = counts >= min_points
    return MatchedObjects(best[needed], best_scores[needed], counts[needed],
                          torch.tensor(false_scores, dtype=torch.float64))


def join_matched(parts: Sequence[MatchedObjects]) -> MatchedObjects:
    """The objects of several classes or frames as one set."""
    names = MatchedObjects.__dataclass_fields__
    return MatchedObjects(**{
        name: torch.cat([getattr(part, name) for part in parts]) if parts else torch.zeros(0)
        for name in names})


@METRICS.register_module()
class MatchedObjectsMetric(BaseMetric):
    """Number of objects found at a 3D IoU, and false positives above the worst of them.

    For checks on a handful of frames, where average precision means nothing. Objects
    without ``min_points`` points or with their center outside ``point_cloud_range`` are
    neither needed nor wrong. The keys are ``matched/objects``, ``matched/matched`` and
    ``matched/false_above_lowest``; a table goes to the log.

    Args:
        point_cloud_range: x, y, z minima, then maxima, in meters.
        min_points: objects with fewer points need not be found.
        iou_threshold: 3D overlap at which an object counts as found.
    """

    default_prefix = 'matched'

    def __init__(
        self,
        point_cloud_range: Sequence[float],
        min_points: int = 5,
        iou_threshold: float = 0.7,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.range = torch.tensor(list(point_cloud_range))
        self.min_points = min_points
        self.iou_threshold = iou_threshold

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict]) -> None:
        """Assign the detections of each sample, class by class."""
        for points, sample in zip(data_batch['inputs']['points'], data_samples, strict=True):
            self.results.append(self._find(points.cpu(), sample))

    def _find(self, points: Tensor, sample: dict) -> MatchedObjects:
        detected, gt = sample['pred_instances_3d'], sample['eval_ann_info']
        boxes = detected['bboxes_3d'].tensor[:, :7].cpu()
        classes = detected['labels_3d'].cpu()
        labeled = gt['gt_bboxes_3d'].tensor[:, :7].cpu()
        labels = torch.as_tensor(gt['gt_labels_3d'])
        seen = self._in_range(labeled)
        return join_matched(
            [
                match_objects(
                    boxes[classes == label],
                    detected['scores_3d'].cpu()[classes == label],
                    labeled[(labels == label) & seen],
                    points,
                    self.min_points,
                    self.iou_threshold,
                )
                for label in torch.cat([labels, classes]).unique().tolist()
                if label >= 0
            ]
        )

    def _in_range(self, boxes: Tensor) -> Tensor:
        centers = at_centers(boxes)[:, :3]
        return ((centers >= self.range[:3]) & (centers <= self.range[3:])).all(dim=1)

    def compute_metrics(self, results: list[MatchedObjects]) -> dict[str, float]:
        """Put the frames of all processes together."""
        merged = join_matched(results)
        found = merged.count_matched(self.iou_threshold)
        lines = [f'{int(count):5d} points   IoU {float(overlap):.3f}   score {float(score):.3f}'
                 for count, overlap, score in zip(merged.points, merged.ious, merged.scores,
                                                  strict=True)]
        above = merged.false_above_lowest()
        print_log('\n'.join([
            f'{found} of {len(merged.points)} objects with at least {self.min_points} '
            f'points found '
            f'at 3D IoU {self.iou_threshold}; '
            f'{above} false positives above the lowest of them', *lines]),
            'current')
        return {'objects': float(len(merged.points)), 'matched': float(found),
                'false_above_lowest': float(above)}
