"""Skeletons of people as colored lines, for everything that draws them."""
from __future__ import annotations

import numpy as np

from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH

# Limbs between joints in the order of sparse3d.structures.keypoints.JOINTS.
MIDDLE_LIMBS = ((0, 13), (1, 2), (7, 8))
LEFT_LIMBS = ((13, 1), (1, 3), (3, 5), (1, 7), (7, 9), (9, 11))
RIGHT_LIMBS = ((13, 2), (2, 4), (4, 6), (2, 8), (8, 10), (10, 12))
LIMBS = np.array(MIDDLE_LIMBS + LEFT_LIMBS + RIGHT_LIMBS)

LEFT, RIGHT, MIDDLE = (1.00, 0.62, 0.20), (0.40, 0.70, 1.00), (0.96, 0.96, 0.96)
PALE = 0.45  # share of the color that is left of a limb with an uncertain end


def skeleton_segments(
        joints: np.ndarray,             # (M, K, 3) meters, LiDAR frame
        visibility: np.ndarray | None,  # (M, K) above 0 present, above 1 visible
        ground_truth: bool = False,
) -> tuple[np.ndarray, np.ndarray]:     # (S, 2, 3), (S, 3) RGB
    """Limbs of all people whose two ends are present.

    The left is orange, the right blue, as the person has them; ground truth is gray. A limb is
    paler if one of its ends is not visible. Other skeletons than the 14 joints of Waymo have no
    limbs that are known here: nothing is drawn.
    """
    if joints.shape[1:] != (14, 3) or not len(joints):
        return np.zeros((0, 2, 3)), np.zeros((0, 3))
    if visibility is None:
        visibility = np.full(joints.shape[:2], 2.0)
    certainty = visibility[:, LIMBS].min(axis=2)                          # [M, limbs]
    colors = np.array([MIDDLE] * len(MIDDLE_LIMBS) + [LEFT] * len(LEFT_LIMBS)
                      + [RIGHT] * len(RIGHT_LIMBS))
    if ground_truth:
        colors = np.broadcast_to(GROUND_TRUTH, colors.shape)
    pale = PALE * colors + (1 - PALE) * np.array(BACKGROUND)
    colored = np.where((certainty > 1)[..., None], colors, pale)          # [M, limbs, 3]
    shown = (certainty > 0) & np.isfinite(joints[:, LIMBS]).all(axis=(2, 3))
    return joints[:, LIMBS][shown], colored[shown]
