"""Frames one at a time: as a driven sequence, over scenes, lost cameras, refused frames, files."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparse3d.apis.detector import Detector
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.camera_frame import CameraFrame
from sparse4d.driven_sequence import DrivenSequence
from sparse4d.streaming import open_stream
from sparse4d_small import batch_of, predictions, same


@pytest.mark.parametrize('version', ['v3', 'v1'])
def test_a_stream_gives_what_a_driven_sequence_gives(recurrent_detector, drive, version):
    model = recurrent_detector(version)
    stream, driver = open_stream(model), DrivenSequence(model)
    for number, frame in enumerate(drive(4)):
        (answer,) = stream(CameraFrame(**frame, scene='a'))
        (expected,) = predictions(model, driver, batch_of([frame], ['a']))
        assert answer.number == number and len(answer.instances) == 24
        same(answer.instances, expected)
    assert ('track_ids' in answer.instances) == (version == 'v3')


def test_another_scene_begins_afresh_and_ids_go_on(recurrent_detector, drive):
    model = recurrent_detector()
    stream, frames = open_stream(model), drive(2)
    for frame in frames:
        (before,) = stream(CameraFrame(**frame, scene='a'))
    (after,) = stream(CameraFrame(**frames[0], scene='b'))  # earlier, but another drive
    (alone,) = open_stream(model)(CameraFrame(**frames[0], scene='b'))
    torch.testing.assert_close(after.instances.scores_3d, alone.instances.scores_3d)
    assert after.number == 0 and after.instances.track_ids.min() > before.instances.track_ids.max()
    stream.reset()
    (again,) = stream(CameraFrame(**frames[0], scene='b'))
    torch.testing.assert_close(again.instances.scores_3d, alone.instances.scores_3d)
    assert again.instances.track_ids.min() > after.instances.track_ids.max()


def test_the_published_quirk_attends_to_the_scene_before(recurrent_detector, drive):
    published = recurrent_detector(published=dict(stale_keys=True))
    found = {}
    for name, model in (('right', recurrent_detector()), ('published', published)):
        stream, frames = open_stream(model), drive(2)
        stream(CameraFrame(**frames[0], scene='a'))
        (answer,) = stream(CameraFrame(**frames[1], scene='b'))
        (alone,) = open_stream(model)(CameraFrame(**frames[1], scene='b'))
        found[name] = (answer.instances.scores_3d - alone.instances.scores_3d).abs().max()
    assert found['right'] < 1e-6 < 1e-4 < found['published']


def test_scenes_by_time_alone_go_on_under_another_name(recurrent_detector, drive):
    for quirk, goes_on in ((False, False), (True, True)):
        model = recurrent_detector(published=dict(scenes_by_time=quirk))
        stream, frames = open_stream(model), drive(2)
        (first,) = stream(CameraFrame(**frames[0], scene='a'))
        (second,) = stream(CameraFrame(**frames[1], scene='b'))
        both = set(first.instances.track_ids.tolist()) & set(second.instances.track_ids.tolist())
        assert bool(both) == goes_on


def test_a_lost_camera_counts_for_nothing(recurrent_detector, drive):
    stream, (frame, *_) = open_stream(recurrent_detector()), drive(1)
    valid = np.array([True, False])
    (answer,) = stream(CameraFrame(**frame, valid=valid))
    broken = dict(frame, images=frame['images'].float())
    broken['images'][1] = float('nan')
    (other,) = open_stream(recurrent_detector())(CameraFrame(**broken, valid=valid))
    same(answer.instances, other.instances)
    (none,) = open_stream(recurrent_detector())(CameraFrame(**frame, valid=np.zeros(2, bool)))
    assert none.instances.scores_3d.isfinite().all()


@pytest.mark.parametrize('bad', [
    dict(lidar2global=np.full((4, 4), np.nan)), dict(timestamps=np.full(2, 1.0)),
    dict(images=np.zeros((2, 3, 16, 32), np.uint8)),
    dict(images=np.zeros((3, 3, 32, 64), np.uint8))],
    ids=range(4))
def test_a_refused_frame_leaves_no_trace(recurrent_detector, drive, bad):
    model, frames = recurrent_detector(), drive(4)
    streams = open_stream(model), open_stream(model)
    for number, frame in enumerate(frames):
        if number == 2:
            with pytest.raises(DataError):
                streams[0](CameraFrame(**{**frame, **bad}))
        (one,), (other,) = (stream(CameraFrame(**frame)) for stream in streams)
        same(one.instances, other.instances)


def test_of_ten_frames_a_second_every_fifth_is_the_half_second(recurrent_detector, drive):
    """Driven ten times a second: a way is divided by a fifth of the time, so that speeds jump."""
    model = recurrent_detector()
    fast = drive(11, interval=0.1)
    every, fifth = open_stream(model), open_stream(model, interval=5)
    trained = open_stream(model)
    for number, frame in enumerate(fast):
        (answer,) = every(CameraFrame(**frame, scene='a'))
        chosen = fifth(CameraFrame(**frame, scene='a'))
        assert len(chosen) == (number % 5 == 0)
        if chosen:
            (expected,) = trained(CameraFrame(**frame, scene='a'))
            same(chosen[0].instances, expected.instances)
    speeds = [found.instances.bboxes_3d.tensor[:, 7:].norm(dim=1).median()
              for found in (answer, chosen[0])]
    assert speeds[0] > 2 * speeds[1]


def test_what_is_remembered_goes_into_a_file_and_back(recurrent_detector, drive, tmp_path):
    model, frames = recurrent_detector(), drive(4)
    stream, other = open_stream(model), open_stream(model)
    with pytest.raises(DataError, match='nothing is remembered yet'):
        stream.save(tmp_path / 'state.pt')
    for frame in frames[:2]:
        stream(CameraFrame(**frame, scene='a'))
    stream.save(tmp_path / 'state.pt')
    other.load(tmp_path / 'state.pt')
    for frame in frames[2:]:
        (one,), (two,) = (each(CameraFrame(**frame, scene='a')) for each in (stream, other))
        same(two.instances, one.instances)
    (tmp_path / 'other.pt').write_bytes(b'something else')
    with pytest.raises(DataError, match='holds no state of a stream'):
        other.load(tmp_path / 'other.pt')
    content = torch.load(tmp_path / 'state.pt', weights_only=True)
    for change, words in ((dict(features=content['features'][:, :-1]), 'remembers .* instances of'),
                          (dict(features=content['features'][..., :-1]), 'this detector'),
                          (None, 'lacks ids of the state')):
        torch.save({**content, **change} if change else {
            name: value for name, value in content.items() if name != 'ids'}, tmp_path / 'other.pt')
        before = other.state
        with pytest.raises(DataError, match=words):
            other.load(tmp_path / 'other.pt')
        assert other.state is before  # nothing is forgotten
    first = open_stream(recurrent_detector('v1'))
    first(CameraFrame(**frames[0]))
    with pytest.raises(DataError, match='this detector takes none over'):
        first.load(tmp_path / 'state.pt')
    with pytest.raises(DataError, match='remembers the images of frames'):
        first.save(tmp_path / 'v1.pt')


def test_options_of_streams(recurrent_detector, drive):
    detector = Detector(recurrent_detector(), SimpleNamespace(ground_shift=0), 'abc')
    assert detector.stream(interval=2).interval == 2
    with pytest.raises(ConfigError, match='interval is 0'):
        detector.stream(interval=0)
    tracked = detector.stream('query_identity')
    frames = drive(3)
    ids = [set((tracked(CameraFrame(**frame, scene='a'))[0]).ids.tolist()) for frame in frames]
    assert ids[0] & ids[1] and ids[1] & ids[2]
