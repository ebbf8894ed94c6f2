"""Identities that survive, and switches with their frames."""
from __future__ import annotations

import numpy as np

from sparse3d.metrics.track_scores import track_scores, worst_switches
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks


def tracks(places: dict[int, float], time: float, name: str = 'car') -> Tracks:
    """Objects on a line, by identity."""
    boxes = np.array([[x, 0, 0, 4, 2, 1.5, 0] for x in places.values()]).reshape(-1, 7)
    found = Detections(boxes, np.ones(len(boxes)), np.zeros(len(boxes), int), (name,))
    return Tracks.of(found, list(places), time)


def scene(pred: list[dict[int, float]], name: str = 'car') -> list:
    return [(tracks({1: 0.0, 2: 20.0}, step / 10), tracks(of, step / 10, name))
            for step, of in enumerate(pred)]


def test_tracks_that_are_the_objects_are_perfect():
    scores = track_scores([scene([{7: 0.0, 8: 20.0}] * 4)])
    assert (scores.identities, scores.survived, scores.switches) == (2, 2, [])
    assert scores.hota == scores.mota == 1.0


def test_a_switch_is_told_with_its_frame_and_time():
    pred = [{7: 0.0, 8: 20.0}, {8: 20.0}, {9: 0.0, 8: 20.0}, {9: 0.0, 8: 20.0}]
    scores = track_scores([scene(pred)])
    switch, = scores.switches
    assert (switch.scene, switch.frame, switch.name, switch.gt) == (0, 2, 'car', 1)
    assert (switch.old_track, switch.new_track) == (7, 9) and abs(switch.seconds - .2) < 1e-9
    assert scores.survived == 1 and abs(scores.mota - 6 / 8) < 1e-9


def test_other_classes_far_tracks_and_short_ones_do_not_survive():
    assert track_scores([scene([{7: 0.0}] * 4, 'bus')]).survived == 0
    assert track_scores([scene([{7: 2.5}] * 4)]).survived == 0
    assert track_scores([scene([{7: 0.0}, {}, {}, {}])]).survived == 0  # found in a quarter
    assert track_scores([]).identities == 0


def test_the_worst_are_those_of_the_object_that_switches_most():
    pred = [{7: 0.0, 8: 20.0}, {9: 0.0, 8: 20.0}, {10: 0.0, 8: 20.0}, {10: 0.0, 11: 20.0}]
    switches = track_scores([scene(pred)]).switches
    assert [(one.gt, one.frame) for one in worst_switches(switches[::-1], 2)] == [(1, 1), (1, 2)]
