"""Identities of the detector itself: taken as they are, of one scene each."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driven_world import drive
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.tracking import QueryIdentityTracker, make_tracker

TIMES = np.arange(4) * 0.5


def with_ids(frames: list) -> list:
    """The objects' own numbers as ids, 40 and on; false ones are nobody."""
    return [replace(frame, detections=replace(
        frame.detections, track_ids=np.where(frame.objects < 0, -1, frame.objects + 40)))
        for frame in frames]


def run(tracker, frames: list) -> list:
    return [tracker.update(frame.detections, frame.timestamp, frame.pose) for frame in frames]


def test_an_object_keeps_its_id_and_a_false_one_has_none():
    frames = with_ids(drive(TIMES, false=3))
    tracks = run(make_tracker('query_identity'), frames)
    for number, (frame, of_frame) in enumerate(zip(frames, tracks, strict=True)):
        assert len(of_frame) == 8 and of_frame.ages.tolist() == [number] * 8
        order = np.argsort(-frame.detections.scores[:8], kind='stable')
        np.testing.assert_array_equal(of_frame.boxes_3d, frame.detections.boxes_3d[order])
    assert all(set(of_frame.ids) == set(tracks[0].ids) for of_frame in tracks)


def test_texts_are_ids_too_and_low_scores_are_left_out():
    (frame, *_) = with_ids(drive(TIMES))
    texts = replace(frame.detections, track_ids=np.array([f'car {one}' for one in range(8)]))
    threshold = float(np.sort(texts.scores)[3])
    tracks = make_tracker('query_identity', dict(score_threshold=threshold)).update(texts, 0.0)
    assert len(tracks) == 5 and len(set(tracks.ids)) == 5


def test_the_ids_of_another_scene_are_other_objects():
    frames, tracker = with_ids(drive(TIMES)), QueryIdentityTracker()
    before = run(tracker, frames)
    tracker.reset()
    behind = run(tracker, frames)
    assert not set(before[-1].ids) & set(behind[0].ids)
    assert behind[0].ages.tolist() == [0] * 8


def test_detections_without_ids_and_two_of_one_leave_no_trace():
    frames = with_ids(drive(TIMES))
    tracker, other = QueryIdentityTracker(), QueryIdentityTracker()
    run(tracker, frames[:1])
    with pytest.raises(DataError, match='detections of frame 001 have no track ids'):
        tracker.update(replace(frames[1].detections, track_ids=None), 0.5, frames[1].pose)
    with pytest.raises(DataError, match='the track id 7 stands twice in frame 001'):
        tracker.update(replace(frames[1].detections, track_ids=np.full(8, 7)), 0.5, frames[1].pose)
    after, expected = run(tracker, frames[1:]), run(other, frames)[1:]
    assert [of.ids.tolist() for of in after] == [of.ids.tolist() for of in expected]
    nothing = Detections(np.zeros((0, 9)), np.zeros(0), np.zeros(0, np.int64), ('car',))
    assert len(QueryIdentityTracker().update(nothing, 0.0)) == 0


def test_numbers_texts_and_columns_with_gaps_are_the_same_ids():
    frame, *_ = with_ids(drive(TIMES))
    given = frame.detections
    forms = [list(range(8)), [float(one) for one in range(8)], [str(one) for one in range(8)]]
    tracker = QueryIdentityTracker()
    tracks = [tracker.update(replace(given, track_ids=form), time, frame.pose)
              for time, form in enumerate(forms)]
    assert len({tuple(of.ids.tolist()) for of in tracks}) == 1
    for gaps in ([np.nan, 1, 2, 3, 4, 5, 6, 7], [None, '1', '2', '3', '4', '5', '6', '7'],
                 ['', *map(str, range(1, 8))]):
        assert len(QueryIdentityTracker().update(replace(given, track_ids=gaps), 0.0)) == 7
