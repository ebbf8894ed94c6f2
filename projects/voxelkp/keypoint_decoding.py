"""From what the head says to people: the best cells, rescored and without duplicates."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.predicted_iou import predicted_quality, rectified_scores
from sparse3d.models.center.selection import in_range
from sparse3d.ops.rotated_iou import bev_boxes
from sparse3d.ops.rotated_nms import rotated_nms
from voxelkp.head_outputs import HeadOutputs


@dataclass(frozen=True)
class DecodingOptions:
    """How people are chosen.

    Attributes:
        center_range: x, y, z minima, then maxima of the centers in meters.
        max_candidates: most cells of a frame that are looked at.
        score_threshold: of the heatmap's score, before rescoring.
        rectifier: share of the predicted overlap in the score.
        iou_threshold: BEV IoU above which the worse of two people is dropped.
        nms_pre: most people that compete.
        max_detections: most people of a frame.
    """

    center_range: Sequence[float]
    max_candidates: int = 500
    score_threshold: float = 0.3
    rectifier: float = 0.68
    iou_threshold: float = 0.8
    nms_pre: int = 2048
    max_detections: int = 200


@dataclass(frozen=True)
class PredictedPeople:
    """People of one frame, best first."""

    boxes: Tensor       # [M, 7] x, y, z of the center, dx, dy, dz, yaw
    joints: Tensor      # [M, K, 3] meters, LiDAR frame
    visibility: Tensor  # [M, K] above 0 present, above 1 visible
    scores: Tensor      # [M]


def decode(outputs: HeadOutputs, grid: BEVGrid,
           options: DecodingOptions) -> list[PredictedPeople]:
    """People of each frame; any number of cells, candidates and empty frames.

    The score is ``score ** (1 - rectifier) * overlap ** rectifier``.

    Source: VoxelKP (ICCV 2025), section 3; released post-processing.
    """
    return [_decode_frame(outputs.select((outputs.frame == frame).nonzero().squeeze(1)),
                          grid, options) for frame in range(outputs.batch_size)]


def _decode_frame(cells: HeadOutputs, grid: BEVGrid, options: DecodingOptions) -> PredictedPeople:
    score = cells.heatmap.sigmoid()
    best = score.argsort(descending=True, stable=True)[:options.max_candidates]
    cells, score = cells.select(best), score[best]
    boxes, positions = cells.boxes(grid), cells.positions(grid)
    good = in_range(boxes, options.center_range)
    good &= (score > options.score_threshold) & boxes.isfinite().all(1)
    score = rectified_scores(score, predicted_quality(cells.iou), options.rectifier)
    chosen = good.nonzero().squeeze(1)
    chosen = chosen[score[chosen].argsort(descending=True, stable=True)][:options.nms_pre]
    kept = rotated_nms(bev_boxes(boxes[chosen]), score[chosen], options.iou_threshold)
    chosen = chosen[kept][:options.max_detections]
    return PredictedPeople(boxes[chosen], positions[chosen, 1:], cells.visibility[chosen],
                           score[chosen])
