"""From the outputs of the last decoder pass to detections; there is nothing to suppress."""
from __future__ import annotations

from collections.abc import Sequence

from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.models.center.peaks import top_entries
from sparse3d.models.center.selection import in_range
from sparse3d.models.query.box_code import code_to_box


def select_boxes(logits: Tensor, codes: Tensor, limits: Sequence[float], max_detections: int = 300,
                 score_threshold: float = 0.05) -> tuple[Tensor, Tensor, Tensor]:
    """The best pairs of query and class of one sample.

    Args:
        logits: [Q, K].
        codes: [Q, 10].
        limits: x, y, z from and to of the centers, meters.

    Returns:
        boxes [M, 9] around gravity centers, scores [M] falling, labels [M].
    """
    scores, query, labels = top_entries(logits.sigmoid(), max_detections)
    boxes = code_to_box(codes[query])
    kept = (scores > score_threshold) & in_range(boxes, limits)
    return boxes[kept], scores[kept], labels[kept]


def as_detections(boxes: Tensor, scores: Tensor, labels: Tensor) -> InstanceData:
    """``bboxes_3d`` (on their bottom faces, as mmdet3d has them), ``scores_3d``, ``labels_3d``."""
    return InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[-1], origin=(0.5, 0.5, 0.5)),
        scores_3d=scores, labels_3d=labels)
