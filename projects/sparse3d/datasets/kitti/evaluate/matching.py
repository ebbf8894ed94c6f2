"""Matching of detections to ground truth by the rules of the official KITTI evaluation.

States of an object under one class and difficulty: it counts, it is ignored (may
be matched, but then neither gains nor costs), or it is none of this class's business.

Source: ``evaluate_object.cpp`` of the KITTI object development kit.
"""
from __future__ import annotations

import numba
import numpy as np

COUNTS, IGNORED, OTHER = 0, 1, -1

DIFFICULTIES = ('easy', 'moderate', 'hard')
MIN_HEIGHT = (40, 25, 25)              # pixels
MAX_OCCLUSION = (0, 1, 2)
MAX_TRUNCATION = (0.15, 0.3, 0.5)
# Neither found nor missed when a detection of the class takes them.
NEIGHBORS = {'car': 'van', 'pedestrian': 'person_sitting'}


def gt_states(
        name: np.ndarray,        # [G]
        bbox: np.ndarray,        # [G, 4]
        occluded: np.ndarray,    # [G]
        truncated: np.ndarray,   # [G]
        wanted: str,
        difficulty: int,
        minimum_height_counts: bool = False,
) -> np.ndarray:                 # [G]  int8
    """State of each ground truth for the wanted class.

    Args:
        difficulty: 0 easy, 1 moderate, 2 hard.
        minimum_height_counts: whether an object exactly as high as the minimum counts
            (older copies of the official code) or is ignored (the present server).
    """
    name, wanted = np.char.lower(name), wanted.lower()
    height = bbox[:, 3] - bbox[:, 1]
    low = height < MIN_HEIGHT[difficulty]
    if not minimum_height_counts:
        low = height <= MIN_HEIGHT[difficulty]
    hidden = (low | (occluded > MAX_OCCLUSION[difficulty])
              | (truncated > MAX_TRUNCATION[difficulty]))
    states = np.full(len(name), OTHER, np.int8)
    states[name == NEIGHBORS.get(wanted)] = IGNORED
    states[name == wanted] = COUNTS
    states[(name == wanted) & hidden] = IGNORED
    return states


def detection_states(
        name: np.ndarray,  # [D]
        bbox: np.ndarray,  # [D, 4]
        wanted: str,
        difficulty: int,
) -> np.ndarray:           # [D]  int8
    """State of each detection; small ones are ignored whatever their class."""
    states = np.where(np.char.lower(name) == wanted.lower(), COUNTS, OTHER).astype(np.int8)
    states[np.abs(bbox[:, 3] - bbox[:, 1]) < MIN_HEIGHT[difficulty]] = IGNORED
    return states


@numba.njit(cache=True)
def scores_of_matched(
        gt_state,         # [G]
        detection_state,  # [D]
        score,            # [D]
        starts, candidate, iou,  # lists of candidates by ground truth
        iou_threshold,
):                        # [found]
    """Scores of the detections that find a ground truth, each taking the surest."""
    taken = np.zeros(len(score), np.bool_)
    pred = np.empty(len(gt_state), np.float64)
    number = 0
    for gt in range(len(gt_state)):
        if gt_state[gt] == OTHER:
            continue
        best = -1
        for place in range(starts[gt], starts[gt + 1]):
            detection = candidate[place]
            if (iou[place] > iou_threshold and not taken[detection]
                    and detection_state[detection] != OTHER
                    and (best < 0 or score[detection] > score[best])):
                best = detection
        if best < 0:
            continue
        taken[best] = True
        if gt_state[gt] == COUNTS and detection_state[best] == COUNTS:
            pred[number] = score[best]
            number += 1
    return pred[:number]


@numba.njit(cache=True)
def recall_thresholds(pred, num_gt, points):
    """Scores at which recall passes each of the equal steps from 0 to 1."""
    ranked = np.sort(pred)[::-1]
    thresholds = np.empty(len(ranked), np.float64)
    number, recall = 0, 0.0
    for place in range(len(ranked)):
        left = (place + 1) / num_gt
        last = place == len(ranked) - 1
        right = left if last else (place + 2) / num_gt
        if right - recall < recall - left and not last:
            continue
        thresholds[number] = ranked[place]
        number += 1
        recall += 1 / (points - 1.0)
    return thresholds[:number]


@numba.njit(cache=True)
def _best_candidate(
    begin, end, candidate, iou, iou_threshold, state, score, score_threshold, taken
):
    """Counting detection of largest overlap, else the first ignored one, else -1."""
    best, best_overlap, best_ignored = -1, 0.0, False
    for place in range(begin, end):
        detection = candidate[place]
        if (iou[place] <= iou_threshold or taken[detection] or state[detection] == OTHER
                or score[detection] < score_threshold):
            continue
        if state[detection] == COUNTS:
            if best < 0 or best_ignored or iou[place] > best_overlap:
                best, best_overlap, best_ignored = detection, iou[place], False
        elif best < 0:
            best, best_ignored = detection, True
    return best


@numba.njit(cache=True)
def count_at_thresholds(
        thresholds,        # [T]
        gt_state,          # [G]
        detection_state,   # [D]
        score,             # [D]
        excused,           # [D]  in a DontCare area: no false positive
        gt_angle,          # [G]
        detection_angle,   # [D]
        starts, candidate, iou,  # lists of candidates by ground truth
        iou_threshold,
):                         # [T, 3]  true positives, false positives, sum of similarities
    """Match anew at each threshold, each ground truth taking the largest overlap.

    The similarity of a true positive is (1 + cos(difference of the angles)) / 2.
    """
    counts = np.zeros((len(thresholds), 3))
    taken = np.zeros(len(score), np.bool_)
    for row in range(len(thresholds)):
        taken[:] = False
        for gt in range(len(gt_state)):
            if gt_state[gt] == OTHER:
                continue
            best = _best_candidate(starts[gt], starts[gt + 1], candidate, iou,
                                   iou_threshold, detection_state, score, thresholds[row], taken)
            if best < 0:
                continue
            taken[best] = True
            if gt_state[gt] == COUNTS and detection_state[best] == COUNTS:
                counts[row, 0] += 1
                counts[row, 2] += (1 + np.cos(gt_angle[gt] - detection_angle[best])) / 2
        for detection in range(len(score)):
            if (detection_state[detection] == COUNTS and not taken[detection]
                    and not excused[detection] and score[detection] >= thresholds[row]):
                counts[row, 1] += 1
    return counts
