"""A detector judged on labeled frames: counts, table, file, statistics; and what is refused."""
from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from sparse3d.apis import zero_shot as module
from sparse3d.apis.zero_shot import labeled_frames, statistics, threshold_of, zero_shot
from sparse3d.errors import ConfigError, DataError
from sparse3d.simulate.output_folder import STAMP
from sparse3d.structures.detections import Detections

CAR, PERSON = [10, 2, -1.6, 4, 2, 1.5, .3], [6, -4, -1.6, .8, .6, 1.7, 0]


@pytest.fixture
def root(tmp_path):
    """Two frames with a car and a pedestrian, 200 points in each."""
    for folder in ('points', 'boxes'):
        (tmp_path / folder).mkdir()
    (tmp_path / STAMP).write_text('{}')
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-14, 14, (3000, 2)), np.full(3000, -1.7)])
    inside = [np.array(box[:3]) + rng.uniform(-.2, .2, (200, 3)) + [0, 0, .7]
              for box in (CAR, PERSON)]
    for name in ('a', 'b'):
        np.save(tmp_path / f'points/{name}.npy',
                np.concatenate([floor, *inside]).astype(np.float32))
        rows = [f'{kind},{",".join(map(str, box))}'
                for kind, box in (('Car', CAR), ('Pedestrian', PERSON))]
        (tmp_path / f'boxes/{name}.csv').write_text(
            '\n'.join(['class,x,y,z_bottom,dx,dy,dz,yaw', *rows]) + '\n')
    return tmp_path


class Stub:
    """Finds the car, half of the time the pedestrian, and a car that is none."""
    samples, score_threshold = SimpleNamespace(columns=3), .4

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, points):
        self.calls += 1
        boxes = np.array([CAR, [20, 9, -1.6, 4, 2, 1.5, 0], PERSON], np.float32)
        scores = np.array([.9, .6, .7 if self.calls % 2 else .1], np.float32)
        return Detections(boxes, scores, np.array([0, 0, 1]), ('car', 'Pedestrian'),
                          points=points)


@pytest.fixture
def judged(root, monkeypatch, tmp_path):
    monkeypatch.setattr(module, 'load_detector', lambda *_, **__: Stub())
    return zero_shot('anything', None, {'custom': root}, out=tmp_path / 'out.json',
                     pictures=tmp_path / 'seen')


def test_found_and_false_are_counted_at_the_threshold_of_the_weights(judged):
    of_it = judged.summaries()['simulated']
    assert judged.threshold == .4
    assert (of_it['Car'].wanted, of_it['Car'].found[.5], of_it['Car'].false) == (2, 2, 2)
    assert (of_it['Pedestrian'].wanted, of_it['Pedestrian'].found[.3]) == (2, 1)
    assert of_it['Cyclist'].wanted == 0


def test_the_table_the_file_and_the_pictures_say_the_same(judged, tmp_path):
    assert '| simulated (2) | Car | 2 | 2 (1.00 to 1.00) |' in judged.table()
    content = json.loads((tmp_path / 'out.json').read_text())
    assert content['threshold'] == .4
    assert content['sources']['simulated']['Car']['false'] == 2
    assert sorted(path.name for path in (tmp_path / 'seen').iterdir()) == [
        'simulated_a.png', 'simulated_b.png']


def test_a_threshold_that_leaves_few_false_cars(judged):
    assert threshold_of(judged, 1.0) == .05
    assert threshold_of(judged, 0.0) == pytest.approx(.61)


def test_statistics_are_a_table_and_a_picture(root, tmp_path):
    text = statistics({'custom': root}, tmp_path / 'sweeps.png')
    assert '| simulated | 10 to 20 m | 2 | 200 | 200 | 200 |' in text
    assert (tmp_path / 'sweeps.png').stat().st_size > 5000


def test_what_gives_no_frames_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='waymo gives no labeled frames.*argoverse2, custom'):
        labeled_frames('waymo', tmp_path)
    with pytest.raises(DataError, match='no folder'):
        labeled_frames('kitti', tmp_path / 'absent')
    with pytest.raises(ConfigError, match='nothing to judge on'):
        zero_shot('anything', None, {})


@pytest.mark.parametrize('options, sentence', [
    (dict(sensor_heights={'kity': 1.7}), 'sensor height of kity.*there are custom'),
    (dict(score_threshold=float('nan')), 'score_threshold is nan'),
    (dict(out='FILE/out.json'), 'is not a folder'),
    (dict(pictures='FILE/seen'), 'is not a folder')])
def test_what_cannot_be_judged_or_kept_is_refused_before_a_detector_is_loaded(
        root, tmp_path, monkeypatch, options, sentence):
    monkeypatch.setattr(module, 'load_detector', lambda *_, **__: pytest.fail('loaded'))
    (tmp_path / 'file').write_text('')
    options = {key: value.replace('FILE', str(tmp_path / 'file')) if isinstance(value, str)
               else value for key, value in options.items()}
    with pytest.raises((ConfigError, DataError), match=sentence):
        zero_shot('anything', None, {'custom': root}, **options)


def test_a_detector_of_pictures_is_refused(root, monkeypatch):
    camera = SimpleNamespace(samples=SimpleNamespace(columns=0), score_threshold=None)
    monkeypatch.setattr(module, 'load_detector', lambda *_, **__: camera)
    with pytest.raises(ConfigError, match='anything takes no points'):
        zero_shot('anything', None, {'custom': root})


def test_one_detector_is_loaded_for_each_height(root, monkeypatch):
    loaded = []
    monkeypatch.setattr(module, 'load_detector',
                        lambda *_, sensor_height: loaded.append(sensor_height) or Stub())
    frames = labeled_frames('custom', root)
    monkeypatch.setattr(module, 'frames_by_name', lambda roots: dict.fromkeys(roots, frames))
    zero_shot('anything', None, dict.fromkeys(('kitti', 'nuscenes', 'custom'), root),
              sensor_heights={'nuscenes': 1.84})
    assert loaded == [None, 1.84]


def test_statistics_of_nothing_are_refused():
    with pytest.raises(ConfigError, match='nothing to judge on.*SPARSE3D_REAL_DATA'):
        statistics({})
