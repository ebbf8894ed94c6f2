"""Births, doubtful detections, lost tracks; options that make no sense."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.tracking.class_motion import ClassMotion
from sparse3d.tracking.two_stage import TwoStageOptions, TwoStageTracker

BOX = [10., 2, -1, 4.5, 1.9, 1.6, .3]


def found(*scores: float, shift: float = 0.) -> Detections:
    boxes = np.array([[BOX[0] + shift, BOX[1] + 20 * row, *BOX[2:]] for row in range(len(scores))])
    return Detections(boxes.reshape(-1, 7), np.array(scores), np.zeros(len(scores), int), ('car',))


@pytest.mark.parametrize('cost', ['center_distance', 'generalized_iou'])
def test_a_doubtful_detection_goes_on_with_a_track_but_begins_none(cost):
    tracker = TwoStageTracker(TwoStageOptions(cost=cost))
    first = tracker.update(found(.9), 0.0)
    second = tracker.update(found(.2, .2), 0.5)
    assert first.ids.tolist() == second.ids.tolist() and len(second) == 1
    assert second.scores.tolist() == [.2] and second.ages.tolist() == [1]


def test_what_is_lost_comes_back_with_sure_detections_alone():
    tracker = TwoStageTracker(TwoStageOptions(report_lost=True))
    tracker.update(found(.9), 0.0)
    assert tracker.update(found(), 0.5).states.tolist() == ['lost']
    assert tracker.update(found(.3), 1.0).states.tolist() == ['lost']
    back = tracker.update(found(.9), 1.5)
    assert (back.states.tolist(), back.ids.tolist(), back.ages.tolist()) == (
        ['confirmed'], [0], [3])
    assert len(tracker.update(found(), 4.0)) == 0


def test_what_appears_later_is_tentative_until_it_is_seen_again():
    tracker = TwoStageTracker()
    tracker.update(found(.9), 0.0)
    assert tracker.update(found(.9, .9), 0.5).states.tolist() == ['confirmed', 'tentative']
    assert tracker.update(found(.9, .9), 1.0).states.tolist() == ['confirmed', 'confirmed']
    tracker.update(found(.9, .9, .9), 1.5)
    assert len(tracker.update(found(.9, .9), 2.0)) == 2
    assert tracker.update(found(.9, .9, .9), 2.5).ids.max() == 3  # a flicker was no track


def test_noise_of_a_class_decides_what_is_believed():
    shy = TwoStageTracker(TwoStageOptions(motions={'car': ClassMotion(center_std=5.0)}))
    bold = TwoStageTracker(TwoStageOptions(motions={'car': ClassMotion(center_std=.01)}))
    x = []
    for tracker in (shy, bold):
        for step in range(4):
            tracks = tracker.update(found(.9), step * .5)
        x.append(tracker.update(found(.9, shift=1.0), 2.0).boxes_3d[0, 0])
    assert tracks.boxes_3d[0, 0] == pytest.approx(10) and x[0] < 10.8 < 10.95 < x[1]


@pytest.mark.parametrize(('options', 'words'), [
    (dict(cost='iou'), "cost is 'iou'; there are"),
    (dict(high_score=.9), 'have to rise in this order'),
    (dict(max_lost=0), 'max_lost is 0 s')])
def test_options_that_make_no_sense(options, words):
    with pytest.raises(ConfigError, match=words):
        TwoStageOptions(**options)


@pytest.mark.parametrize('scores', [(.9, 95.), (-2.5, .4)])
def test_percents_and_logits(scores):
    with pytest.raises(DataError, match='1 of 2 detections of frame frame have a score like .*; '
                                        'bring scores into 0 to 1'):
        TwoStageTracker().update(found(*scores), 0.0)
    assert len(TwoStageTracker().update(found(1.01, .5), 0.0)) == 2
