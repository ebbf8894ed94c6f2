"""Matching of predicted people to labeled ones of one frame, and the rows to score.

Source: ``keypoint_metrics.py`` of the Waymo Open Dataset, version 1.6, and the rules of
its 2023 pose estimation challenge.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparse3d.datasets.waymo.evaluate.ious import ious_of_pairs
from sparse3d.datasets.waymo.evaluate.matching import heaviest_assignment
from sparse3d.datasets.waymo.keypoints.people import KeypointPeople
from sparse3d.structures.box_conversions import lidar_to_center

# Meters: what a missing or superfluous keypoint costs, and the reach of a match.
PENALTY = 0.25
# Meters: a keypoint so close to a box is inside it.
_INSIDE = 1e-5


class Matches(NamedTuple):
    """Rows of ground truth and of predictions that belong together."""

    gt: np.ndarray     # [M] int64
    pred: np.ndarray   # [M]


class Rows(NamedTuple):
    """What to score: matched people, then missed ones, then false positives.

    People without a visible keypoint are in none of them, and neither are the
    predictions matched to them. -1 stands for nobody.
    """

    gt: np.ndarray     # [R] int64
    pred: np.ndarray   # [R]
    matched: int       # the first rows are matches


def distance_to_boxes(
        boxes: np.ndarray,     # [G, 7]  x, y, z of the center, length, width, height, heading
        location: np.ndarray,  # [P, J, 3]
        published_heading_sign: bool = True,
) -> np.ndarray:               # [G, P, J]  meters, 0 inside
    """Distance of each point to each box.

    Args:
        published_heading_sign: turn points by +heading into the frame of the box, as the
            official metric does by mistake, instead of -heading.
    """
    offset = location[None] - boxes[:, None, None, :3]
    angle = boxes[:, 6] if published_heading_sign else -boxes[:, 6]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    inside = np.stack([cos * offset[..., 0] - sin * offset[..., 1],
                       sin * offset[..., 0] + cos * offset[..., 1], offset[..., 2]], axis=-1)
    half = boxes[:, None, None, 3:6] / 2
    return np.linalg.norm(np.abs(inside) - np.minimum(np.abs(inside), half), axis=-1)


def pose_errors(gt: KeypointPeople, pred: KeypointPeople) -> tuple[np.ndarray, np.ndarray]:
    """Terms of the pose estimation metric of people row by row.

    Returns:
        Error in meters [N, 14], at most 0.25, and exactly 0.25 for keypoints visible on one
        side only; and whether each keypoint counts, being visible on any side.
    """
    distance = np.linalg.norm(gt.location - pred.location, axis=-1).clip(max=PENALTY)
    both, either = gt.visible & pred.visible, gt.visible | pred.visible
    return np.where(both, distance, np.where(either, PENALTY, 0.0)), either


def match_by_mean_error(gt: KeypointPeople, pred: KeypointPeople,
                        published_heading_sign: bool = True) -> Matches:
    """The matcher of the pose challenge.

    First, people without a visible keypoint absorb predictions that lie in their boxes,
    so that most keypoints are absorbed, unless the prediction is near a labeled person.
    Then the rest is assigned with the least mean error, where a predicted keypoint is
    within 0.25 m of the box of the labeled person.

    Returns:
        Matches of the second stage, then those of the first.
    """
    if not len(gt) or not len(pred):
        return _NONE
    distance = np.where(pred.visible[None], distance_to_boxes(
        gt.box, pred.location, published_heading_sign), np.inf)
    absorbed = _absorb(gt, pred, (distance < _INSIDE).sum(-1))
    candidate = distance.min(-1) <= PENALTY
    candidate[absorbed.gt] = False
    candidate[:, absorbed.pred] = False
    rows, columns = np.nonzero(candidate)
    cost = np.full(candidate.shape, PENALTY)
    cost[rows, columns] = pose_errors(gt.select(rows), pred.select(columns))[0].mean(-1)
    row, column = linear_sum_assignment(cost)
    good = cost[row, column] < PENALTY
    return Matches(np.concatenate([row[good], absorbed.gt]),
                   np.concatenate([column[good], absorbed.pred]))


def match_by_iou(gt: KeypointPeople, pred: KeypointPeople,
                 iou_threshold: float = 0.5, published_height: bool = True) -> Matches:
    """Matches of largest total overlap of the boxes, each of at least ``iou_threshold``.

    Args:
        published_height: take the center for the bottom of a box, as the official keypoint
            metric does by mistake: boxes of unequal heights are shifted.
    """
    if not len(gt) or not len(pred):
        return _NONE
    rows, columns = np.indices((len(gt), len(pred))).reshape(2, -1)
    boxes = gt.box[rows], pred.box[columns]
    if published_height:
        boxes = tuple(lidar_to_center(box) for box in boxes)
    overlap = ious_of_pairs(*boxes)
    weight = np.where(overlap >= iou_threshold, np.round(1e6 * overlap), 0).astype(np.int64)
    chosen = heaviest_assignment(weight.reshape(len(gt), len(pred)))
    row = np.flatnonzero(chosen >= 0)
    return Matches(row, chosen[row])


def rows_to_score(gt: KeypointPeople, pred: KeypointPeople, matches: Matches) -> Rows:
    """Matched people with a visible keypoint, missed ones, and false positives."""
    labeled = gt.visible.any(-1)
    kept = labeled[matches.gt]
    missed = np.setdiff1d(np.flatnonzero(labeled), matches.gt)
    false = np.setdiff1d(np.flatnonzero(pred.visible.any(-1)), matches.pred)
    nobody = np.full(len(missed) + len(false), -1)
    return Rows(np.concatenate([matches.gt[kept], missed, nobody[:len(false)]]),
                np.concatenate([matches.pred[kept], nobody[:len(missed)], false]),
                int(kept.sum()))


_NONE = Matches(np.zeros(0, np.int64), np.zeros(0, np.int64))


def _absorb(gt: KeypointPeople, pred: KeypointPeople, number_inside: np.ndarray) -> Matches:
    """Assign predictions to people without a visible keypoint."""
    apart = np.linalg.norm(gt.location[:, None] - pred.location[None], axis=-1)
    near = ((apart < PENALTY) & gt.visible[:, None] & pred.visible[None]).any((0, 2))  # [P]
    allowed = ~gt.visible.any(-1)[:, None] & ~near[None]
    gain = np.where(allowed, number_inside, 0)
    row, column = linear_sum_assignment(gain, maximize=True)
    good = gain[row, column] > 0
    return Matches(row[good], column[good])
