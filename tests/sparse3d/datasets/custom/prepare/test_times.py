"""frames.json: times, scenes and poses, and one sentence for each mistake."""
from __future__ import annotations

import json

import numpy as np
import pytest

from sparse3d.datasets.custom.prepare.times import in_order, read_times
from sparse3d.errors import DataError

EYE = np.eye(4).tolist()
GOOD = dict(a=dict(timestamp=2.5, scene='x', lidar2global=EYE), b=dict(timestamp=2, scene='x'),
            c=dict(timestamp=9, scene='w'))


def read(tmp_path, content, names='abc'):
    (tmp_path / 'frames.json').write_text(json.dumps(content))
    return read_times(tmp_path, names)


def test_frames_by_scene_and_time(tmp_path):
    assert read_times(tmp_path, 'abc') == {} and in_order('bca', {}) == ['b', 'c', 'a']
    found = read(tmp_path, GOOD)
    assert in_order('abc', found) == ['c', 'b', 'a']
    assert found['a'].lidar2global.shape == (4, 4) and found['b'].lidar2global is None


MIRRORED = np.diag([1, -1, 1, 1]).tolist()
TRANSPOSED = (np.eye(4) + np.outer(np.eye(4)[3], [5, 0, 0, 0])).tolist()


@pytest.mark.parametrize(('change', 'says'), [
    (dict(a=None), 'a is None, not a dict'),
    (dict(a=dict(timestamp='now')), "timestamp is 'now', no number of seconds"),
    (dict(a=dict(timestamp=True)), 'timestamp is True'),
    (dict(a=dict(timestamp=10 ** 400)), 'no number of seconds'),
    (dict(a=dict(timestamp=1, lidar2global=[[10 ** 400] * 4] * 4)), 'no matrix of numbers'),
    (dict(a=dict(scene='x')), 'timestamp is None'),
    (dict(a=dict(timestamp=1, pose=1)), "nobody reads 'pose'"),
    (dict(a=dict(timestamp=1, lidar2global=MIRRORED)), 'no rotation and translation'),
    (dict(a=dict(timestamp=1, lidar2global=TRANSPOSED)), r'transposed\?'),
    (dict(a=dict(timestamp=1, lidar2global=[[1]])), r'the shape \(1, 1\)'),
    (dict(a=dict(timestamp=1, lidar2global='north')), 'no matrix of numbers'),
    (dict(a=dict(timestamp=2, scene='x')), "a and b of the scene 'x' have one timestamp"),
    (dict(a=dict(timestamp=5e5, scene='x')), 'microseconds'),
    (dict(d=dict(timestamp=1)), 'names the frame d, which is not there'),
])
def test_mistakes_are_named(tmp_path, change, says):
    with pytest.raises(DataError, match=says):
        read(tmp_path, {**GOOD, **change})


def test_names_of_macs_are_those_of_others(tmp_path):
    assert list(read(tmp_path, {'cafe\u0301': GOOD['a']}, ['caf\u00e9'])) == ['caf\u00e9']


def test_a_frame_without_time_is_named(tmp_path):
    with pytest.raises(DataError, match='says nothing of the frame d .1 of 4'):
        read(tmp_path, GOOD, 'abcd')
    with pytest.raises(DataError, match='no dict of frames'):
        read(tmp_path, [1])


@pytest.mark.parametrize('start', [1531883530449, 1531883530449377, 1531883530449377000])
def test_times_since_1970_in_other_units_are_refused_in_scenes_of_one_frame(tmp_path, start):
    content = {name: dict(timestamp=start + place, scene=name) for place, name in enumerate('ab')}
    (tmp_path / 'frames.json').write_text(json.dumps(content))
    with pytest.raises(DataError, match='timestamp is 15.*milliseconds.*write seconds'):
        read_times(tmp_path, 'ab')


@pytest.mark.parametrize('gap', [33, 50, 100])
def test_milliseconds_since_the_start_are_refused(tmp_path, gap):
    content = {name: dict(timestamp=place * gap) for place, name in enumerate('abc')}
    (tmp_path / 'frames.json').write_text(json.dumps(content))
    with pytest.raises(DataError, match=f'lie {gap} s apart'):
        read_times(tmp_path, 'abc')
