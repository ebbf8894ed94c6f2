"""From scored boxes to detections: range, score, and suppression of doubles."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.argument_objects import argument_object
from sparse3d.models.center.selection import in_range, suppress_by_class
from sparse3d.structures.box_tensors import lifted

EVERYWHERE = (-1e6, -1e6, -1e6, 1e6, 1e6, 1e6)  # meters


@dataclass(frozen=True)
class Suppression:
    """How doubles of an object are removed, class by class.

    Attributes:
        radii: of two boxes of a class whose centers lie closer than this (meters, seen from
            above) the lower one goes; negative for a class that needs none; empty for none.
        iou_thresholds: of two boxes of a class that overlap more than this, in BEV, the
            lower one goes; negative or empty as above.
        squared_radius: the radii are compared with squared distances, as in the
            released SparseFusion.
        zero_scores: boxes without any score stay, labeled with the first class.
    """

    radii: Sequence[float] = ()
    iou_thresholds: Sequence[float] = ()
    squared_radius: bool = False
    zero_scores: bool = False


@dataclass(frozen=True)
class DetectionOptions:
    """What is kept of the boxes.

    Attributes:
        center_range: x, y, z minimum, x, y, z maximum of the bottom centers kept, meters; None
            for everywhere.
        suppression: how doubles are removed; a dict or :class:`Suppression`.
        range_height: part of their height at which boxes are compared with the range: 0 at their
            bottoms, 0.5 at their middles.
    """

    center_range: Sequence[float] | None = None
    suppression: Suppression | Mapping = Suppression()
    range_height: float = 0.0

    argument_objects: ClassVar = dict(suppression=Suppression)

    def __post_init__(self) -> None:
        if self.center_range is None:
            object.__setattr__(self, 'center_range', EVERYWHERE)
        object.__setattr__(self, 'suppression',
                           argument_object(self, 'suppression', self.suppression))


def select_detections(
        boxes: Tensor,   # [Q, 7 or 9]  meters
        scores: Tensor,  # [Q, K]  of every class
        center_range: Sequence[float],
        suppression: Suppression,
        range_height: float = 0.0,
) -> InstanceData:
    """Give each box its best class; drop what is out of range, hopeless, or a double.

    Args:
        center_range: x, y, z minimum, x, y, z maximum of the bottom centers kept, meters.
        range_height: see :class:`DetectionOptions`.

    Returns:
        ``bboxes_3d`` (LiDAR boxes), ``scores_3d``, ``labels_3d`` in the order of the queries.
    """
    best, labels = scores.max(dim=1)
    keep = in_range(lifted(boxes, range_height), center_range)
    if not suppression.zero_scores:
        keep &= best > 0
    for label, radius in enumerate(suppression.radii):
        if radius > 0:
            chosen = (keep & (labels == label)).nonzero().flatten()
            reach = radius if suppression.squared_radius else radius ** 2
            keep[chosen[doubles(boxes[chosen, :2], best[chosen], reach)]] = False
    thresholds = {label: overlap for label, overlap in enumerate(suppression.iou_thresholds)
                  if overlap > 0}
    if thresholds:
        rows = keep.nonzero().flatten()
        kept = rows[suppress_by_class(boxes[rows], best[rows], labels[rows], thresholds)]
        for label in thresholds:
            keep &= labels != label
        keep[kept] = True
    return InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes[keep], box_dim=boxes.shape[1]),
        scores_3d=best[keep], labels_3d=labels[keep])


def doubles(centers: Tensor, scores: Tensor, reach: float) -> Tensor:  # [N, 2], [N] -> [N] bool
    """Which boxes lie near a higher one that stays; equals leave each other alone.

    Args:
        reach: squared distance up to which two centers are the same object.
    """
    order = scores.argsort(descending=True, stable=True)
    centers = centers[order].double()
    near = ((centers[:, None] - centers[None]) ** 2).sum(-1) <= reach
    near = (near & (scores[order][:, None] > scores[order][None])).cpu().numpy()
    gone = torch.zeros(len(order), dtype=torch.bool).numpy()
    for row in range(len(order)):
        if not gone[row]:
            gone[row + 1:] |= near[row, row + 1:]
    result = torch.empty(len(order), dtype=torch.bool, device=scores.device)
    result[order] = torch.from_numpy(gone).to(scores.device)
    return result
