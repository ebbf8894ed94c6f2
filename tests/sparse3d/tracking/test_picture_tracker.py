"""Boxes of a camera alone: identities, levels of pseudo-depth, and what is refused."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError, DataError
from sparse3d.tracking.picture_tracker import PictureOptions, PictureTracker


def box(u: float, bottom: float = 400.0, height: float = 100.0) -> list[float]:
    return [u - 20, bottom - height, u + 20, bottom]


def test_two_people_keep_their_ids_over_a_gap_and_a_weak_box():
    tracker, ids = PictureTracker(), []
    for step in range(12):
        here = [box(100 + 6 * step), box(400 - 6 * step)]
        scores = [.9, .3 if step in (5, 6) else .9]  # half hidden: only goes on
        if step == 8:
            here, scores = here[:1], scores[:1]
        ids.append(tracker.update(here, scores, [0] * len(here), .1 * step).tolist())
    assert ids[8] == [0] and all(of == [0, 1] for step, of in enumerate(ids) if step != 8)


def test_other_classes_weak_boxes_and_forgotten_tracks_begin_nothing_or_anew():
    tracker = PictureTracker(PictureOptions(max_lost=.5))
    assert tracker.update([box(100), box(300)], [.9, .3], [0, 0], 0.0).tolist() == [0, -1]
    assert tracker.update([box(100)], [.9], [1], .1).tolist() == [1]
    assert tracker.update([box(100)], [.9], [0], 2.0).tolist() == [2]
    tracker.reset()
    assert tracker.update([box(100)], [.9], [0], 0.0).tolist() == [3]
    assert tracker.update(np.zeros((0, 4)), [], [], .1).tolist() == []


def test_near_ones_are_matched_first():
    cost_ids = {}
    for levels in (1, 2):
        tracker = PictureTracker(PictureOptions(levels=levels, max_cost=.95))
        near, far = [100, 100, 200, 500.], [170, 90, 250, 380.]
        tracker.update([near, far], [.9, .9], [0, 0], 0.0)
        # the near one has moved onto the far one, which is hidden but for a wide, low false box
        moved, other = [135, 100, 235, 505.], [60, 110, 170, 470.]
        cost_ids[levels] = tracker.update([moved, other], [.9, .9], [0, 0], .1).tolist()
    assert cost_ids[2][0] == 0


def test_no_look_ahead():
    random = np.random.default_rng(0)
    frames = [np.array([box(u) for u in random.uniform(50, 900, 6)]) for _ in range(6)]

    def run(count):
        tracker = PictureTracker()
        return [tracker.update(frames[n], [.9] * 6, [0] * 6, .1 * n).tolist()
                for n in range(count)]
    assert run(6)[:3] == run(3)


def test_wrong_input():
    tracker = PictureTracker()
    tracker.update([box(100)], [.9], [0], 1.0)
    for time in (1.0, .5):
        with pytest.raises(DataError, match='is not later than the one before'):
            tracker.update([box(100)], [.9], [0], time)
    with pytest.raises(DataError, match='x2 > x1'):
        tracker.update([[5, 5, 1, 1]], [.9], [0], 2.0)
    with pytest.raises(ConfigError, match='levels is 0'):
        PictureOptions(levels=0)
    with pytest.raises(ConfigError, match='have to rise'):
        PictureOptions(low_score=.6)
    with pytest.raises(ConfigError, match='max_lost is 0'):
        PictureOptions(max_lost=0)


@pytest.mark.parametrize(('boxes', 'scores', 'labels', 'time', 'words'), [
    (None, None, None, 0.0, 'no real numbers'),
    ([[1, 2, 3]], [.9], [0], 0.0, r'the shapes \(1, 3\), \(1,\) and \(1,\)'),
    ([box(100)], [.9, .8], [0], 0.0, r'\(1, 4\), \(2,\) and \(1,\)'),
    ([box(100)], [.9], [], 0.0, r'and \(0,\)'), ([box(100)], [np.nan], [0], 0.0, 'not finite'),
    ([box(100)], ['high'], [0], 0.0, 'no real numbers'),
    ([box(100)], [.9], [0], '1', "the time of the picture is '1'")])
def test_other_shapes_and_kinds(boxes, scores, labels, time, words):
    with pytest.raises(DataError, match=words):
        PictureTracker().update(boxes, scores, labels, time)
