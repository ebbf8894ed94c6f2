"""What holds for every tracker: ego motion, any times, no look ahead, bad input in one sentence."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from driven_world import CLASSES, drive, ids_of_objects
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.tracking import TRACKERS, GreedyTracker, make_tracker
from sparse3d.tracking.tracker import follow, in_lidar, in_world

TIMES = np.arange(12) * 0.5
BY_BOXES = [name for name in TRACKERS if name != 'query_identity']  # that one has its own test
EMPTY = Detections(np.zeros((0, 9)), np.zeros(0), np.zeros(0, np.int64), CLASSES, name='empty')


@pytest.fixture(params=BY_BOXES)
def tracker(request):
    return make_tracker(request.param)


def run(tracker, frames) -> list:
    return [tracker.update(frame.detections, frame.timestamp, frame.pose) for frame in frames]


def rows(tracks) -> list:
    return [(of.ids.tolist(), of.states.tolist(), of.ages.tolist(), of.boxes_3d.tolist())
            for of in tracks]


@pytest.mark.parametrize('times', [
    TIMES, np.array([0, .1, .2, 1.2, 1.3, 2.4, 2.5, 3.9]), np.delete(TIMES, [3, 4, 8])],
    ids=['regular', 'irregular', 'dropped'])
def test_every_object_has_one_id_while_the_vehicle_drives_a_bend(tracker, times):
    frames = drive(times)
    ids = ids_of_objects(frames, run(tracker, frames))
    assert sorted(ids) == list(range(8)) and all(len(of) == 1 for of in ids.values())
    assert len(set.union(*ids.values())) == 8


def test_what_comes_later_changes_nothing(tracker):
    frames = drive(TIMES, misses=.2, false=3)
    others = frames[:6] + drive(TIMES, seed=5, misses=.4, false=6)[6:]
    first = run(tracker, frames)
    second = run(type(tracker)(), others)
    assert rows(first[:6]) == rows(second[:6]) and rows(first[6:]) != rows(second[6:])


def test_frames_without_detections(tracker):
    frames = drive(TIMES)
    whole = run(type(tracker)(), frames)
    frames[4] = replace(frames[4], detections=EMPTY, objects=np.zeros(0, int))
    tracks = run(tracker, frames)
    assert len(tracks[4]) == 0
    assert ids_of_objects(frames, tracks) == ids_of_objects(frames, whole)
    assert len(type(tracker)().update(EMPTY, 0.0)) == 0
    flat = Detections(np.zeros((0, 7)), np.zeros(0), np.zeros(0, np.int64), CLASSES)
    assert len(type(tracker)().update(flat, 0.0)) == 0


def test_what_was_away_for_long_is_somebody_else(tracker):
    frames = drive(np.array([0, .5, 10., 10.5]))
    ids = ids_of_objects(frames[:2], run(tracker, frames[:2]))
    later = ids_of_objects(frames[2:], run(tracker, frames[2:]))
    assert not set.union(*ids.values()) & set.union(*later.values())


def test_a_new_scene_has_new_ids_and_its_own_time(tracker):
    frames = drive(TIMES[:3])
    before = run(tracker, frames)
    tracker.reset()
    behind = run(tracker, frames)
    assert not set(before[-1].ids) & set(behind[0].ids)
    assert (behind[0].ids - behind[0].ids.min()).tolist() == (
        before[0].ids - before[0].ids.min()).tolist()


@pytest.mark.parametrize(('time', 'words'), [
    (.5, 'frame 002 at 0.500000 s is there twice; leave one'),
    (.2, 'is 0.300 s earlier than the frame before; sort the frames by time'),
    (np.nan, 'the time of frame 002 is nan'), ('0.7', "the time of frame 002 is '0.7'; give"),
    (None, 'the time of frame 002 is None'), (np.datetime64('2020-01-01'), 'the time of frame 002'),
    (True, 'the time of frame 002 is True'),
    (1.7e18, 'which is not in seconds; divide milliseconds by 1e3')])
def test_time_that_stands_or_runs_backwards(tracker, time, words):
    frames = drive(TIMES[:3])
    run(tracker, frames[:2])
    with pytest.raises(DataError, match=words):
        tracker.update(frames[2].detections, time, frames[2].pose)
    # ... and nothing has happened.
    expected = run(type(tracker)(), frames)[2]
    assert rows(run(tracker, frames[2:])) == rows([expected])


def test_other_classes_poses_and_shapes(tracker):
    frames = drive(TIMES[:3])
    run(tracker, frames[:1])
    given = frames[1].detections
    with pytest.raises(DataError, match='frame 001 has no pose unlike the frame before'):
        tracker.update(given, 1.0)
    with pytest.raises(DataError, match='the classes of frame 001 are pedestrian, car'):
        tracker.update(replace(given, class_names=CLASSES[::-1]), 1.0, frames[1].pose)
    with pytest.raises(DataError, match=r'has the shape \(3, 4\)'):
        tracker.update(given, 1.0, frames[1].pose[:3])
    strange = replace(given, class_names=('dragon', 'pedestrian'))
    with pytest.raises(DataError, match="of the class 'dragon', of which the tracker does not"):
        type(tracker)().update(strange, 1.0, frames[1].pose)


@pytest.mark.parametrize(('change', 'words'), [
    ((0, np.nan), 'detection 2 of frame 001 has the box .nan,'), ((3, np.inf), 'has the box'),
    ((3, -4.0), 'sizes of 0 m or more'), ((7, np.inf), 'has the box')])
def test_boxes_that_are_none_leave_no_trace(tracker, change, words):
    frames = drive(TIMES[:3])
    run(tracker, frames[:1])
    boxes = frames[1].detections.boxes_3d.copy()
    boxes[2, change[0]] = change[1]
    for broken in (replace(frames[1].detections, boxes_3d=boxes),
                   replace(frames[1].detections, scores=np.full(8, np.nan))):
        with pytest.raises(DataError, match=words if broken.scores[0] > 0 else 'the score nan'):
            tracker.update(broken, 0.5, frames[1].pose)
    assert rows(run(tracker, frames[1:])) == rows(run(type(tracker)(), frames)[1:])


@pytest.mark.parametrize(('pose', 'words'), [
    (np.zeros((4, 4)), 'cannot be inverted'), (np.diag([1., -1, 1, 1]), 'mirrors'),
    (np.diag([2., 2, 2, 1]), 'changes lengths'), ('here', 'no real numbers'),
    (np.eye(4) + np.eye(4)[[3, 0, 1, 2]], 'transposed')])
def test_poses_that_are_none(tracker, pose, words):
    with pytest.raises(DataError, match=f'ego_pose of frame 000 .*{words}'):
        tracker.update(drive(TIMES)[0].detections, 0.0, pose)


def test_tensors_serve(tracker):
    frames = drive(TIMES[:3])
    tracks = [tracker.update(frame.detections, torch.tensor(frame.timestamp),
                             torch.tensor(frame.pose, requires_grad=True)) for frame in frames]
    assert rows(tracks) == rows(run(type(tracker)(), frames))


def test_what_is_no_detections(tracker):
    with pytest.raises(DataError, match='a tracker follows Detections .* not dict'):
        tracker.update(dict(boxes=[]), 0.0)


def test_a_refused_frame_of_a_new_scene_leaves_the_old_one(tracker):
    frames = drive(TIMES[:4])
    run(tracker, frames[:2])
    with pytest.raises(DataError, match='the time of frame 003'):
        follow(tracker, frames[3].detections, np.nan, frames[3].pose, new_scene=True)
    assert rows(run(tracker, frames[2:])) == rows(run(type(tracker)(), frames)[2:])
    anew = follow(tracker, frames[0].detections, 0.0, frames[0].pose, new_scene=True)
    assert set(anew.ages) == {0}


def test_velocities_are_needed_by_the_greedy_one_alone(tracker):
    frames = [replace(frame, detections=replace(
        frame.detections, boxes_3d=frame.detections.boxes_3d[:, :7])) for frame in drive(TIMES)]
    if isinstance(tracker, GreedyTracker):
        with pytest.raises(DataError, match='8 of 8 detections of frame 000 have no velocity'):
            run(tracker, frames)
        return
    tracks = run(tracker, frames)
    assert max(map(len, ids_of_objects(frames, tracks).values())) == 1
    truth = drive(TIMES, noise=0)[-1].detections
    last = tracks[-1]
    for box, label in zip(truth.boxes_3d, truth.labels, strict=True):
        row = np.where(last.labels == label,
                       np.linalg.norm(last.boxes_3d[:, :2] - box[:2], axis=1), np.inf).argmin()
        assert np.abs(last.boxes_3d[row, 7:] - box[7:]).max() < .5  # found by the filter


def test_boxes_go_into_the_world_and_back():
    frame = drive(TIMES)[5]
    boxes = frame.detections.boxes_3d
    world = in_world(boxes, frame.pose)
    assert np.abs(world[:, 0] - 600).max() < 80 and np.abs(world[:, 2]).max() < 1e-9
    np.testing.assert_allclose(in_lidar(world, frame.pose), boxes, atol=1e-9)
