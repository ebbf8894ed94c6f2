"""What a center head says of cells, and the boxes in it."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from safdnet.center_options import DetectionOptions
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.peaks import top_peaks
from sparse3d.models.center.predicted_iou import predicted_quality, rectified_scores
from sparse3d.models.center.selection import in_range, suppress_by_class
from sparse3d.ops.constants import constant


class TaskPredictions(NamedTuple):
    """Raw outputs of a task for the N cells of a batch."""

    heat: Tensor        # [N, classes of the task]  logits
    codes: Tensor       # [N, 8 or 10]  see CenterBoxCoder; counted from the cell, cos before sin
    iou: Tensor | None  # [N]  in [-1, 1] units


@dataclass(frozen=True)
class CellPredictions:
    """Raw outputs of a head.

    Attributes:
        coordinates: [N, 3] sample, y, x.
        batch_size: samples; the last ones may have no cell.
        tasks: of each task.
    """

    coordinates: Tensor
    batch_size: int
    tasks: list[TaskPredictions]

    @property
    def cells(self) -> Tensor:
        """Column and row of each cell, [N, 2]."""
        return self.coordinates[:, [2, 1]]

    def rows_of(self, sample: int) -> Tensor:
        """Rows of a sample's cells."""
        return (self.coordinates[:, 0] == sample).nonzero().flatten()


class Candidates(NamedTuple):
    """Boxes of one sample and task before suppression."""

    boxes: Tensor           # [n, 7 or 9]  x, y, z center, dx, dy, dz, yaw[, vx, vy]
    scores: Tensor          # [n]  heat in [0, 1]
    labels: Tensor          # [n] int64  among all tasks
    quality: Tensor | None  # [n]  predicted overlap in [0, 1]


def candidates(heat: Tensor, codes: Tensor, iou: Tensor | None,  # of one sample's cells
               cells: Tensor, first_label: int, coder: CenterBoxCoder,
               chosen: DetectionOptions) -> Candidates:
    """The best cells over the classes of a task that pass the threshold and lie in range.

    Args:
        cells: [n, 2] x, y.
        first_label: number of the task's first class among all.
    """
    peaks = top_peaks(heat.float().sigmoid().T, chosen.max_candidates)
    boxes = coder.decode(codes[peaks.cells].float(), cells[peaks.cells])
    kept = (peaks.scores > chosen.score_threshold) & in_range(boxes, chosen.center_range)
    quality = None if iou is None else predicted_quality(iou[peaks.cells].float())[kept]
    return Candidates(boxes[kept], peaks.scores[kept], peaks.labels[kept] + first_label, quality)


def suppressed(found: Candidates, chosen: DetectionOptions) -> Candidates:
    """Scores corrected by the predicted overlap, and doubles removed; best first."""
    scores = found.scores
    if found.quality is not None and len(chosen.rectifier):
        scores = rectified_scores(scores, found.quality,
                                  constant(chosen.rectifier, scores)[found.labels])
    labels, thresholds = found.labels, chosen.iou_threshold
    if not isinstance(thresholds, Sequence):
        labels, thresholds = torch.zeros_like(labels), (thresholds, )
    kept = suppress_by_class(found.boxes, scores, labels, thresholds, chosen.nms_pre,
                             chosen.nms_post)
    quality = None if found.quality is None else found.quality[kept]
    return Candidates(found.boxes[kept], scores[kept], found.labels[kept], quality)


def detections(found: CellPredictions, num_classes: Sequence[int], coder: CenterBoxCoder,
               chosen: DetectionOptions) -> list[InstanceData]:
    """Boxes (LiDAR frame), ``scores_3d`` and ``labels_3d`` of each sample, task after task."""
    results = []
    for sample in range(found.batch_size):
        rows, parts, first = found.rows_of(sample), [], 0
        for task, count in zip(found.tasks, num_classes, strict=True):
            iou = None if task.iou is None else task.iou[rows]
            parts.append(suppressed(candidates(
                task.heat[rows], task.codes[rows], iou, found.cells[rows], first, coder, chosen),
                chosen))
            first += count
        boxes = torch.cat([part.boxes for part in parts])
        results.append(InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1], origin=(0.5, 0.5, 0.5)),
            scores_3d=torch.cat([part.scores for part in parts]),
            labels_3d=torch.cat([part.labels for part in parts])))
    return results
