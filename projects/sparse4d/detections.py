"""From the outputs of the last layer to detections; there is nothing to suppress."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.models.center.peaks import top_entries
from sparse4d.anchors import boxes_of


@dataclass(frozen=True)
class DetectionOptions:
    """What is kept of the last layer.

    Attributes:
        max_detections: of a sample.
        score_threshold: what scores less by its class is left out; None: nothing is.
        track_threshold: what scores less by its class is nobody: its identity is -1.
    """

    max_detections: int = 300
    score_threshold: float | None = None
    track_threshold: float = 0.2


@dataclass(frozen=True)
class Decoded:
    """Detections of one sample, best first.

    Attributes:
        boxes: [M, 10] around gravity centers, see :func:`sparse4d.anchors.boxes_of`.
        scores: [M], with the centerness where it is predicted.
        labels: [M].
        class_scores: [M] without it; None where it is not predicted.
        ids: [M] or None.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    class_scores: Tensor | None = None
    ids: Tensor | None = None


def decode(logits: Tensor, anchors: Tensor, quality: Tensor | None = None,
           ids: Tensor | None = None, options: DetectionOptions | None = None,
           unsorted_class_scores: bool = False) -> Decoded:
    """Detections of one sample.

    With identities an instance is detected once, as its best class; without, every pair of
    instance and class is by itself.

    Args:
        logits: [A, K].
        anchors: [A, 11].
        quality: [A, 2] logits of centerness and yawness.
        ids: [A].
        unsorted_class_scores: class scores stay in the order they had before the centerness was
            multiplied in, as released.
    """
    options = options or DetectionOptions()
    scores = logits.sigmoid()
    count = min(options.max_detections, scores.numel() if ids is None else len(scores))
    if ids is None:
        scores, rows, labels = top_entries(scores, count)
    else:
        best, classes = scores.max(-1)
        scores, rows = best.topk(count)
        labels = classes[rows]
    kept = torch.ones_like(scores, dtype=torch.bool) if options.score_threshold is None \
        else scores >= options.score_threshold
    class_scores = None
    if quality is not None:
        class_scores = scores
        scores, order = (scores * quality[rows, 0].sigmoid()).sort(descending=True)
        rows, labels, kept = rows[order], labels[order], kept[order]
        class_scores = (class_scores if unsorted_class_scores else class_scores[order])[kept]
    rows = rows[kept]
    return Decoded(boxes_of(anchors[rows]), scores[kept], labels[kept], class_scores,
                   None if ids is None else ids[rows])


def as_detections(found: Decoded, track_threshold: float = 0.0) -> InstanceData:
    """``bboxes_3d`` (on their bottom faces, as mmdet3d has them), ``scores_3d``, ``labels_3d``,
    and where they are known ``class_scores`` and ``track_ids``.

    Args:
        track_threshold: see :class:`DetectionOptions`.
    """
    boxes = LiDARInstance3DBoxes(found.boxes[:, :9], box_dim=9, origin=(0.5, 0.5, 0.5))
    detections = InstanceData(bboxes_3d=boxes, scores_3d=found.scores, labels_3d=found.labels)
    if found.class_scores is not None:
        detections.class_scores = found.class_scores
    if found.ids is not None:
        sure = found.scores if found.class_scores is None else found.class_scores
        detections.track_ids = torch.where(sure >= track_threshold, found.ids, -1)
    return detections
