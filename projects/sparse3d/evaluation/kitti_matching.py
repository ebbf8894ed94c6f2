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
NEIGHBOURS = {'car': 'van', 'pedestrian': 'person_sitting'}


def truth_states(
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
    states[name == NEIGHBOURS.get(wanted)] = IGNORED
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
def scores_of_found(
        truth_state,      # [G]
        detection_state,  # [D]
        score,            # [D]
        starts, candidate, overlap,  # lists of candidates by ground truth
        min_overlap,
):                        # [found]
    """Scores of the detections that find a ground truth, each taking the surest."""
    taken = np.zeros(len(score), np.bool_)
    found = np.empty(len(truth_state), np.float64)
    number = 0
    for truth in range(len(truth_state)):
        if truth_state[truth] == OTHER:
            continue
        best = -1
        for place in range(starts[truth], starts[truth + 1]):
            detection = candidate[place]
            if (overlap[place] > min_overlap and not taken[detection]
                    and detection_state[detection] != OTHER
                    and (best < 0 or score[detection] > score[best])):
                best = detection
        if best < 0:
            continue
        taken[best] = True
        if truth_state[truth] == COUNTS and detection_state[best] == COUNTS:
            found[number] = score[best]
            number += 1
    return found[:number]


@numba.njit(cache=True)
def recall_thresholds(found, number_truth, points):
    """Scores at which recall passes each of the equal steps from 0 to 1."""
    ranked = np.sort(found)[::-1]
    thresholds = np.empty(len(ranked), np.float64)
    number, recall = 0, 0.0
    for place in range(len(ranked)):
        left = (place + 1) / number_truth
        last = place == len(ranked) - 1
        right = left if last else (place + 2) / number_truth
        if right - recall < recall - left and not last:
            continue
        thresholds[number] = ranked[place]
        number += 1
        recall += 1 / (points - 1.0)
    return thresholds[:number]


@numba.njit(cache=True)
def _best_candidate(begin, end, candidate, overlap, min_overlap, state, score, threshold, taken):
    """Counting detection of largest overlap, else the first ignored one, else -1."""
    best, best_overlap, best_ignored = -1, 0.0, False
    for place in range(begin, end):
        detection = candidate[place]
        if (overlap[place] <= min_overlap or taken[detection] or state[detection] == OTHER
                or score[detection] < threshold):
            continue
        if state[detection] == COUNTS:
            if best < 0 or best_ignored or overlap[place] > best_overlap:
                best, best_overlap, best_ignored = detection, overlap[place], False
        elif best < 0:
            best, best_ignored = detection, True
    return best


@numba.njit(cache=True)
def count_at_thresholds(
        thresholds,        # [T]
        truth_state,       # [G]
        detection_state,   # [D]
        score,             # [D]
        excused,           # [D]  in a DontCare area: no false positive
        truth_angle,       # [G]
        detection_angle,   # [D]
        starts, candidate, overlap,  # lists of candidates by ground truth
        min_overlap,
):                         # [T, 3]  true positives, false positives, sum of similarities
    """Match anew at each threshold, each ground truth taking the largest overlap.

    The similarity of a true positive is (1 + cos(difference of the angles)) / 2.
    """
    counts = np.zeros((len(thresholds), 3))
    taken = np.zeros(len(score), np.bool_)
    for row in range(len(thresholds)):
        taken[:] = False
        for truth in range(len(truth_state)):
            if truth_state[truth] == OTHER:
                continue
            best = _best_candidate(starts[truth], starts[truth + 1], candidate, overlap,
                                   min_overlap, detection_state, score, thresholds[row], taken)
            if best < 0:
                continue
            taken[best] = True
            if truth_state[truth] == COUNTS and detection_state[best] == COUNTS:
                counts[row, 0] += 1
                counts[row, 2] += (1 + np.cos(truth_angle[truth] - detection_angle[best])) / 2
        for detection in range(len(score)):
            if (detection_state[detection] == COUNTS and not taken[detection]
                    and not excused[detection] and score[detection] >= thresholds[row]):
                counts[row, 1] += 1
    return counts
