"""Frames one at a time, detections out: as offline, late or at once, also where a frame is lost."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparse3d.apis.detector import Detector
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.camera_frame import CameraFrame
from sparse3d.transforms.camera_frames import FrameChoice, Timeline
from sparsebev.streaming import open_stream
from sparsebev_outputs import detections, same


def test_a_stream_gives_the_offline_result_at_every_moment(build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model)
    for last in range(1, 6):
        (found,) = stream(CameraFrame(**taken[last - 1]))
        assert found.number == last - 1
        same(found.instances, detections(model, batch_of(taken[:last], 3))[0])
        assert len(stream.frames) == min(last, 3)


def test_a_stream_survives_a_lost_frame_and_starts_anew_with_a_scene(
        build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model)
    for index in (0, 1, 4):  # two frames never came
        (found,) = stream(CameraFrame(**taken[index], scene='first'))
    same(found.instances, detections(model, batch_of([taken[0], taken[1], taken[4]], 3))[0])
    (found,) = stream(CameraFrame(**taken[0], scene='second'))  # earlier, but another drive
    assert (found.scene, found.number) == ('second', 0)
    same(found.instances, detections(model, batch_of(taken[:1], 3))[0])
    assert len(stream.frames) == 1


def test_a_stream_survives_a_camera_without_a_picture(build_detector, drive, batch_of):
    model = build_detector(2)
    taken, stream = drive(2), open_stream(model)
    stream(CameraFrame(**taken[0], valid=np.array([True, False])))
    (found,) = stream(CameraFrame(**taken[1], valid=np.array([False, True])))
    valid = np.array([False, True, True, False])
    same(found.instances, detections(model, batch_of(taken, 2, image_valid=valid))[0])


def test_a_fast_stream_looks_back_by_its_step(build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model, interval=2)
    for frame in taken:
        (found,) = stream(CameraFrame(**frame))
    same(found.instances, detections(model, batch_of(taken[::2], 3))[0])
    assert len(stream.frames) == stream.frames.maxlen == 5


def test_a_stream_refuses_what_cannot_be(build_detector, drive):
    taken, stream = drive(2), open_stream(build_detector())
    stream(CameraFrame(**taken[1]))
    with pytest.raises(DataError, match='came after'):
        stream(CameraFrame(**taken[0]))
    stream.reset()
    stream(CameraFrame(**taken[0]))
    with pytest.raises(DataError, match='number of cameras'):
        stream(CameraFrame(**drive(2, cameras=3)[1]))


def batch_as_the_data_set_gives_it(batch_of, taken: list[dict], row: int, choice: FrameChoice):
    timeline = Timeline(['drive'] * len(taken), [0] * len(taken))
    chosen = [taken[place] for place, _ in choice.choose(timeline, row, training=False)]
    return batch_of(chosen[::-1], choice.num_frames)


@pytest.mark.parametrize('kind', ['future', 'interleaved'])
@pytest.mark.parametrize('every', [1, 2])
@pytest.mark.parametrize('length', [1, 3, 7])
def test_a_stream_that_looks_ahead_gives_the_offline_results_late(
        build_detector, drive, batch_of, kind, every, length):
    model = build_detector(5, frame_kind=kind)
    choice = FrameChoice(5, kind, test_interval=6 * every)
    taken, stream = drive(length), open_stream(model, interval=every)
    answers = []
    for number, frame in enumerate(taken):
        came = stream(CameraFrame(**frame, scene='drive'))
        assert [answer.number for answer in came] == [number - 2 * every][:number >= 2 * every]
        assert len(stream.frames) <= 1 + 4 * every
        answers += came
    answers += stream.flush()
    assert [answer.number for answer in answers] == list(range(length))
    for answer in answers:
        offline = batch_as_the_data_set_gives_it(batch_of, taken, answer.number, choice)
        same(answer.instances, detections(model, offline)[0])
        assert answer.scene == 'drive'
        assert answer.timestamps.tolist() == taken[answer.number]['timestamps'].tolist()
        np.testing.assert_array_equal(answer.lidar2global, taken[answer.number]['lidar2global'])
    assert not stream.frames and stream.flush() == []


def test_a_new_scene_gives_what_was_still_to_come_of_the_last(build_detector, drive, batch_of):
    model = build_detector(3, frame_kind='future')
    first, second, stream = drive(3), drive(2, seed=1), open_stream(model)
    for frame in first:
        came = stream(CameraFrame(**frame, scene='first'))
    assert [answer.number for answer in came] == [1]
    (rest,) = stream(CameraFrame(**second[0], scene='second'))
    assert (rest.scene, rest.number) == ('first', 2)
    choice = FrameChoice(3, 'future')
    same(rest.instances, detections(model, batch_as_the_data_set_gives_it(
        batch_of, first, 2, choice))[0])
    (answer,) = stream(CameraFrame(**second[1], scene='second'))
    assert (answer.scene, answer.number) == ('second', 0)  # and nothing of the first is in it
    same(answer.instances, detections(model, batch_as_the_data_set_gives_it(
        batch_of, second, 0, choice))[0])
    stream.reset()
    assert stream.flush() == []


NOTHING = float('nan')
BAD = [dict(lidar2global=np.full((4, 4), NOTHING)), dict(timestamps=np.full(2, 1e15)),
       dict(timestamps=np.full(2, 4000.0)), dict(images=np.zeros((2, 3, 16, 32), np.uint8)),
       dict(images=np.full((2, 3, 32, 64), NOTHING)), dict(timestamps=np.full(2, 1.0)),
       dict(scene='other', lidar2global=np.eye(3))]


@pytest.mark.parametrize('kind', ['past', 'interleaved'])
@pytest.mark.parametrize('bad', BAD, ids=range(len(BAD)))
def test_a_refused_frame_leaves_no_trace(build_detector, drive, kind, bad):
    model = build_detector(3, frame_kind=kind)
    taken, streams = drive(6), (open_stream(model), open_stream(model))
    answers = [[], []]
    for number, frame in enumerate(taken):
        if number == 4:
            with pytest.raises(DataError):
                streams[1](CameraFrame(**{**frame, **bad}))
        for stream, found in zip(streams, answers, strict=True):
            found.append(stream(CameraFrame(**frame)))
    for first, second in zip(*answers, strict=True):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert one.number == other.number
            assert torch.equal(one.instances.bboxes_3d.tensor, other.instances.bboxes_3d.tensor)


@pytest.mark.parametrize('kind', ['past', 'future'])
@pytest.mark.parametrize('interval', [0, -1, 1.5, '2'])
def test_an_interval_that_cannot_be(build_detector, kind, interval):
    with pytest.raises(ConfigError, match='interval is'):
        open_stream(build_detector(3, frame_kind=kind), interval=interval)


def test_an_option_that_streams_do_not_have(build_detector):
    detector = Detector(build_detector(3), SimpleNamespace(ground_shift=0), 'abc')
    assert detector.stream(interval=2).frames.maxlen
    with pytest.raises(DataError, match="a stream has no option 'every'; it has interval"):
        detector.stream(every=2)
