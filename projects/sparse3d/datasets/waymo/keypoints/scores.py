"""MPJPE, PCK, OKS, PEM and the precision of visibility of people row by row.

A mean over nothing is NaN: the official code gives 0, which in meters reads as perfect.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparse3d.datasets.waymo.keypoints.matching import pose_errors
from sparse3d.datasets.waymo.keypoints.people import GROUPS, JOINT_FACTORS, KeypointPeople

PCK_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
OKS_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def position_scores(gt: KeypointPeople, pred: KeypointPeople) -> dict[str, float]:
    """Mean error in meters (MPJPE) and the share of small errors (PCK) by group.

    Over the keypoints present on both sides. An error is small up to t times the cube root
    of the volume of the labeled box times the factor of the joint (which the published
    description leaves out, and the official code has).
    """
    error = np.linalg.norm(gt.location - pred.location, axis=-1)
    valid = gt.valid & pred.valid
    scale = box_scale(gt)[:, None] * JOINT_FACTORS
    scores = {}
    for group, joints in GROUPS.items():
        scores[f'MPJPE/{group}'] = _mean(error[:, joints], valid[:, joints])
        for threshold in PCK_THRESHOLDS:
            scores[f'PCK/{group} @ {threshold:.2f}'] = _mean(
                (error <= threshold * scale)[:, joints], valid[:, joints])
    return scores


def similarity_scores(gt: KeypointPeople, pred: KeypointPeople,
                      updates: Sequence[np.ndarray]) -> dict[str, float]:
    """Share of people with an OKS above each threshold, and its average (AP), by group.

    Rows without a labeled box count nothing. The official AP is a mean over calls: of
    each call the mean over the thresholds. A call without a labeled box contributes 0,
    so the number depends on how the rows are divided; NaN if no call has one.

    Args:
        updates: rows of each call.
    """
    weight = (gt.box[:, 3:6] > 1e-5).any(-1).astype(float)
    scores = {}
    for group, joints in GROUPS.items():
        similarity = object_keypoint_similarity(gt, pred, joints)
        above = similarity[:, None] > np.array(OKS_THRESHOLDS)  # [R, 10]
        for column, threshold in enumerate(OKS_THRESHOLDS):
            scores[f'OKS/{group} P @ {threshold:.2f}'] = _mean(above[:, column], weight)
        by_update = [_mean(above[rows].mean(-1), weight[rows]) if weight[rows].any() else 0.0
                     for rows in updates]
        scores[f'OKS/{group} AP'] = float(np.mean(by_update)) if weight.any() else np.nan
    return scores


def visibility_scores(gt: KeypointPeople, pred: KeypointPeople) -> dict[str, float]:
    """Pose estimation metric (PEM, meters) and precision and recall of visibility by group."""
    error, counts = pose_errors(gt, pred)
    both = gt.visible & pred.visible
    scores = {}
    for group, joints in GROUPS.items():
        scores[f'PEM/{group}'] = _mean(error[:, joints], counts[:, joints])
        scores[f'Precision/{group}'] = _mean(both[:, joints], pred.visible[:, joints])
        scores[f'Recall/{group}'] = _mean(both[:, joints], gt.visible[:, joints])
    return scores


def object_keypoint_similarity(
        gt: KeypointPeople, pred: KeypointPeople, joints: Sequence[int] = GROUPS['ALL'],
) -> np.ndarray:  # [N]
    """Similarity, 0 to 1, of people row by row, over some joints.

    The mean of exp(-d^2 / (2 s^2)) over the keypoints present on both sides, with s the
    factor of the joint times the cube root of the volume of the labeled box. Where none
    of the joints is labeled, d is the distance to a box three times as large, without
    its heading, and all joints count.
    """
    joints = list(joints)
    location, valid = pred.location[:, joints], gt.valid[:, joints]
    offset = np.abs(location - gt.box[:, None, :3])
    beyond = (offset - 1.5 * gt.box[:, None, 3:6]).clip(min=0)
    labeled = valid.any(-1)
    step = np.where(labeled[:, None, None], gt.location[:, joints] - location, beyond)
    scale = box_scale(gt)[:, None] * JOINT_FACTORS[joints]
    exponent = np.divide((step ** 2).sum(-1), 2 * scale ** 2, out=np.zeros(scale.shape),
                         where=scale > 0)
    similar = np.exp(-exponent)
    weight = np.where(labeled[:, None], valid & pred.valid[:, joints], True)
    total = weight.sum(-1)
    return np.divide((similar * weight).sum(-1), total, out=np.zeros(len(total)),
                     where=total > 0)


def box_scale(people: KeypointPeople) -> np.ndarray:  # [N]  meters
    """Cube root of the volume of each box."""
    return np.cbrt(people.box[:, 3:6].prod(-1))


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    total = weights.sum()
    return float((values * weights).sum() / total) if total > 0 else np.nan
