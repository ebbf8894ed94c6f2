"""The compiled matching rules against the same rules interpreted, and by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.evaluate import matching as kitti_matching
from sparse3d.datasets.kitti.evaluate.matching import (
    COUNTS,
    IGNORED,
    OTHER,
    count_at_thresholds,
    detection_states,
    gt_states,
    recall_thresholds,
    scores_of_matched,
)

BOX = np.array([[0.0, 0.0, 10.0, 50.0]])


@pytest.mark.parametrize('name, wanted, expected', [
    ('Car', 'Car', COUNTS), ('Van', 'Car', IGNORED), ('Truck', 'Car', OTHER),
    ('Person_sitting', 'Pedestrian', IGNORED), ('Van', 'Cyclist', OTHER), ('car', 'CAR', COUNTS)])
def test_states_of_ground_truth(name, wanted, expected):
    state = gt_states(np.array([name]), BOX, np.zeros(1), np.zeros(1), wanted, 0)
    assert state.tolist() == [expected]


@pytest.mark.parametrize('height, expected', [(39.9, 0), (40.0, 0), (40.1, 1)])
def test_the_minimum_height_of_easy_is_exclusive(height, expected):
    box = np.array([[0.0, 0.0, 10.0, height]])
    state = gt_states(np.array(['Car']), box, np.zeros(1), np.zeros(1), 'Car', 0)
    assert (state == COUNTS).sum() == expected


def test_small_detections_are_ignored_whatever_their_class():
    small = np.array([[0.0, 0.0, 10.0, 20.0]])
    assert detection_states(np.array(['Tram']), small, 'Car', 2).tolist() == [IGNORED]
    assert detection_states(np.array(['Tram']), BOX, 'Car', 2).tolist() == [OTHER]


@pytest.mark.parametrize(('difficulty', 'minimum'), [(0, 40.0), (1, 25.0), (2, 25.0)])
def test_a_detection_of_exactly_the_minimum_height_counts(difficulty, minimum):
    heights = np.array([minimum - 0.01, minimum, minimum + 0.01])
    boxes = np.column_stack([np.zeros((3, 2)), np.full(3, 10.0), heights])
    states = detection_states(np.array(['Car'] * 3), boxes, 'Car', difficulty)
    assert states.tolist() == [IGNORED, COUNTS, COUNTS]


@pytest.mark.parametrize(('difficulty', 'occlusion', 'truncation'),
                         [(0, 0, 0.15), (1, 1, 0.3), (2, 2, 0.5)])
def test_an_object_exactly_at_the_limits_of_its_difficulty_counts(difficulty, occlusion,
                                                                  truncation):
    def state(occluded, truncated):
        return gt_states(np.array(['Car']), BOX, np.array([occluded]), np.array([truncated]),
                         'Car', difficulty).tolist()

    assert state(occlusion, truncation) == [COUNTS]
    assert state(occlusion + 1, truncation) == state(occlusion, truncation + 0.001) == [IGNORED]


def test_similarity_of_headings_by_hand():
    gt_state, detection_state, score, *lists = arguments([COUNTS], [COUNTS], [0.9], [[(0, 0.8)]])
    for turn, similarity in ((0.0, 1.0), (np.pi / 2, 0.5), (np.pi, 0.0), (np.pi / 3, 0.75)):
        found = count_at_thresholds(
            np.array([0.5]), gt_state, detection_state, score, np.zeros(1, bool),
            np.zeros(1), np.array([turn]), *lists, 0.5)
        assert found[0].tolist() == pytest.approx([1, 0, similarity])


def test_a_score_exactly_at_the_cut_off_is_reported():
    missed = arguments([COUNTS], [COUNTS, COUNTS], [0.9, 0.5], [[(0, 0.8)]])
    assert counts([0.5], missed) == [[1, 1, 1]] and counts([0.5001], missed) == [[1, 0, 1]]
    found = arguments([COUNTS], [COUNTS], [0.5], [[(0, 0.8)]])
    assert counts([0.5], found) == [[1, 0, 1]] and counts([0.5001], found) == [[0, 0, 0]]


def arguments(gt_state, detection_state, score, lists):
    """Arrays of the kernels; ``lists``: (detection, overlap) pairs of each ground truth."""
    starts = np.cumsum([0] + [len(pairs) for pairs in lists])
    flat = [pair for pairs in lists for pair in pairs]
    return (np.array(gt_state, np.int8), np.array(detection_state, np.int8),
            np.array(score, float), starts, np.array([pair[0] for pair in flat], np.int64),
            np.array([pair[1] for pair in flat], float))


def counts(thresholds, case, excused=None):
    gt_state, detection_state, score, *lists = case
    excused = np.zeros(len(score), bool) if excused is None else np.array(excused)
    return count_at_thresholds(
        np.array(thresholds, float), gt_state, detection_state, score, excused,
        np.zeros(len(gt_state)), np.zeros(len(score)), *lists, 0.5).tolist()


def test_recall_takes_the_surest_and_the_curve_the_closest():
    case = arguments([0], [0, 0], [0.9, 0.4], [[(0, 0.6), (1, 0.8)]])
    assert scores_of_matched(*case, 0.5).tolist() == [0.9]
    assert counts([0.3], case) == [[1, 1, 1]]
    assert counts([0.5], case) == [[1, 0, 1]]


def test_an_overlap_equal_to_the_threshold_is_none():
    assert scores_of_matched(*arguments([0], [0], [0.9], [[(0, 0.5)]]), 0.5).tolist() == []


def test_an_overlap_equal_to_the_threshold_is_a_false_positive_of_the_curve():
    assert counts([0.1], arguments([COUNTS], [COUNTS], [0.9], [[(0, 0.5)]])) == [[0, 1, 0]]
    assert counts([0.1], arguments([COUNTS], [COUNTS], [0.9], [[(0, 0.501)]])) == [[1, 0, 1]]


def test_a_counting_detection_is_preferred_to_an_ignored_one():
    case = arguments([0], [1, 0], [0.9, 0.8], [[(0, 0.9), (1, 0.6)]])
    assert counts([0.1], case) == [[1, 0, 1]]
    # The surest is the ignored one, so the ground truth is neither found nor missed.
    assert scores_of_matched(*case, 0.5).tolist() == []


def test_a_detection_serves_one_ground_truth_in_the_order_of_the_file():
    case = arguments([0, 0], [0, 0], [0.9, 0.8], [[(0, 0.6)], [(0, 0.9), (1, 0.7)]])
    assert scores_of_matched(*case, 0.5).tolist() == [0.9, 0.8]
    assert counts([0.1], case) == [[2, 0, 2]]


def test_excused_detections_are_no_false_positives():
    case = arguments([], [0, 0], [0.9, 0.8], [])
    assert counts([0.1], case) == [[0, 2, 0]]
    assert counts([0.1], case, excused=[True, False]) == [[0, 1, 0]]


def test_thresholds_by_hand():
    scores = np.array([0.1, 0.5, 0.3, 0.9])
    assert recall_thresholds(scores, 4, 41).tolist() == [0.9, 0.5, 0.3, 0.1]
    # 100 objects: recall rises by 0.01, thresholds every 1/40; the last is always kept.
    many = np.linspace(1, 0.01, 100)
    assert len(recall_thresholds(many, 100, 41)) == 41
    assert recall_thresholds(np.zeros(0), 5, 41).tolist() == []


def test_compiled_and_interpreted_rules_agree(monkeypatch):
    random = np.random.default_rng(0)
    lists = [[(d, random.random()) for d in sorted(random.choice(60, 5, replace=False))]
             for _ in range(40)]
    case = arguments(random.integers(-1, 2, 40), random.integers(-1, 2, 60),
                     random.random(60).round(1), lists)
    angles = random.uniform(-3, 3, 40), random.uniform(-3, 3, 60)
    thresholds = np.array([0.8, 0.5, 0.2])
    full = (thresholds, *case[:3], random.random(60) < 0.3, *angles, *case[3:], 0.4)
    compiled = count_at_thresholds(*full)
    assert compiled[:, 0].max() >= 5
    assert scores_of_matched(*case, 0.4).tolist() == scores_of_matched.py_func(*case, 0.4).tolist()
    monkeypatch.setattr(kitti_matching, '_best_candidate', kitti_matching._best_candidate.py_func)
    np.testing.assert_allclose(compiled, count_at_thresholds.py_func(*full))
