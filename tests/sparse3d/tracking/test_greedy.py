"""CenterPoint's tracker by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.structures.detections import Detections
from sparse3d.tracking.greedy import GreedyOptions, GreedyTracker


def found(*rows: tuple) -> Detections:
    """Rows of x, vx, score."""
    boxes = np.array([[x, 0, 0, 4, 2, 1.5, 0, speed, 0] for x, speed, _ in rows]).reshape(-1, 9)
    return Detections(boxes, np.array([score for *_, score in rows]),
                      np.zeros(len(rows), int), ('car',))


def test_detections_go_back_by_their_velocity():
    tracker = GreedyTracker()
    assert tracker.update(found((0, 20, .9), (10, 20, .8)), 0.0).ids.tolist() == [0, 1]
    # The one at 10 m now is the first one: 10 m further in half a second.
    assert tracker.update(found((10, 20, .9), (20, 20, .8)), 0.5).ids.tolist() == [0, 1]


@pytest.mark.parametrize(('assignment', 'ids'), [('greedy', [1, 0]), ('hungarian', [0, 1])])
def test_the_best_detection_chooses_first(assignment, ids):
    tracker = GreedyTracker(GreedyOptions(assignment=assignment))
    assert tracker.update(found((0, 0, .9), (3, 0, .8)), 0.0).ids.tolist() == [0, 1]
    # The better one is 1.6 m and 1.4 m from the two, the other 3.5 m and 0.5 m.
    assert tracker.update(found((1.6, 0, .9), (3.5, 0, .8)), 0.5).ids.tolist() == ids


def test_a_lost_track_moves_on_with_its_velocity():
    tracker = GreedyTracker(GreedyOptions(report_lost=True))
    tracker.update(found((0, 10, .9)), 0.0)
    lost = tracker.update(found(), 0.5)
    assert lost.states.tolist() == ['lost'] and lost.boxes_3d[0, 0] == pytest.approx(5)
    assert tracker.update(found((10, 10, .9)), 1.0).ids.tolist() == [0]


def test_scores_below_the_threshold_are_left_out():
    tracker = GreedyTracker(GreedyOptions(score_threshold=.5))
    assert tracker.update(found((0, 0, .4), (9, 0, .6)), 0.0).scores.tolist() == [.6]


@pytest.mark.parametrize('options', [dict(assignment='best'), dict(max_lost=-1)])
def test_options_that_make_no_sense(options):
    with pytest.raises(ConfigError):
        GreedyOptions(**options)
