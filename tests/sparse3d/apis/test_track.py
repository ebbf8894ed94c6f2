"""Stored detections to a submission of the tracking task: the whole way, and what is refused."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis.track import track
from sparse3d.datasets.nuscenes.evaluate.tracking import evaluate_nuscenes_tracking
from sparse3d.datasets.nuscenes.prepare.tables import open_tables, sensor2global
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import write_info_file
from sparse3d_cli import main
from tracked_nuscenes import tracks_with_mistakes, write_tables


@pytest.fixture
def case(golden_dir, tmp_path) -> dict[str, Path]:
    """Tables, an info file that holds what tracking needs, and detections with other classes."""
    root = write_tables(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip', tmp_path / 'data', 3)
    tables = open_tables(root, 'v1.0-mini')
    entries = []
    for sample in reversed(tables.sample):
        data = tables.get('sample_data', sample['data']['LIDAR_TOP'])
        entries.append(dict(
            token=sample['token'], timestamp=sample['timestamp'] / 1e6,
            scene_token=sample['scene_token'], ego2global=sensor2global(tables, data).tolist(),
            lidar_points=dict(lidar2ego=np.eye(4).tolist())))
    infos = tmp_path / 'nuscenes_infos_val.pkl'
    write_info_file(infos, dict(dataset='nuscenes', stamp=dict(format_version=1)), entries)
    content = tracks_with_mistakes(root, 3)
    for boxes in content['results'].values():
        for box in boxes:
            box.update(detection_name=box.pop('tracking_name'), attribute_name='',
                       detection_score=max(.01, box.pop('tracking_score')))
            box.pop('tracking_id')
    first = next(iter(content['results'].values()))
    first.append(dict(first[0], detection_name='barrier'))
    path = tmp_path / 'results_nusc.json'
    path.write_text(json.dumps(content))
    return dict(results=path, infos=infos, out=tmp_path / 'tracks.json', root=root)


def test_a_raw_data_set_that_is_not_there_is_refused_before_anything_is_written(case, tmp_path):
    with pytest.raises(DataError, match='nowhere is no folder; --evaluate names the raw data set'):
        track(case['results'], case['infos'], case['out'], evaluate=tmp_path / 'nowhere')
    assert not case['out'].exists()


def test_tracks_are_a_submission_that_is_scored(case):
    report = track(case['results'], case['infos'], case['out'], evaluate=case['root'],
                   options=dict(min_hits=1))
    assert (report.scenes, report.frames, dict(report.left_out)) == (2, 28, {'barrier': 1})
    content = json.loads(case['out'].read_text())
    boxes = [box for of in content['results'].values() for box in of]
    assert len(content['results']) == 28 and len(boxes) == report.boxes
    assert content['meta']['use_lidar'] is True
    assert len({box['tracking_id'] for box in boxes}) == report.identities
    assert set(boxes[0]) == {'sample_token', 'translation', 'size', 'rotation', 'velocity',
                             'tracking_id', 'tracking_name', 'tracking_score'}
    row = next(line for line in report.scores.splitlines() if line.startswith('all'))
    for number, box in enumerate(boxes):  # beside: every box is somebody else
        box['tracking_id'] = str(number)
    apart = evaluate_nuscenes_tracking(content, open_tables(case['root'], 'v1.0-mini'), 'mini_val')
    assert float(row.split()[1]) > 2 * apart.scores['AMOTA'] + .05


@pytest.mark.parametrize('tracker', ['greedy', 'two_stage', 'depth_cascade'])
def test_every_tracker_from_the_command_line(case, tracker, capsys):
    code = main(['track', str(case['results']), '--infos', str(case['infos']), '--out',
                 str(case['out']), '--tracker', tracker, '--options', 'max_lost=2.5'])
    assert code == 0 and case['out'].is_file()
    assert 'tracks in 28 frames of 2 scenes' in capsys.readouterr().out


def test_only_confirmed_tracks(case):
    everything = track(case['results'], case['infos'], case['out'])
    assert 0 < track(case['results'], case['infos'], case['out'],
                     confirmed=True).boxes < everything.boxes


def test_nothing_is_written_when_a_frame_is_missing(case):
    content = json.loads(case['results'].read_text())
    content['results'].popitem()
    case['results'].write_text(json.dumps(content))
    with pytest.raises(DataError, match='has no entry for frame scene-'):
        track(case['results'], case['infos'], case['out'])
    assert not case['out'].exists()


@pytest.mark.parametrize(('change', 'words'), [
    (dict(tracker='sort'), "there is no tracker 'sort'; there are greedy"),
    (dict(options=dict(hi_score=1)), "has no option 'hi_score'; did you mean 'high_score'"),
    (dict(options=dict(max_lost='long')), "max_lost of the tracker two_stage is 'long'; a float"),
])
def test_trackers_and_options_that_are_none(case, change, words):
    with pytest.raises(ConfigError, match=words):
        track(case['results'], case['infos'], case['out'], **change)


def test_a_frame_that_is_there_twice_and_an_info_file_without_poses(case):
    from sparse3d.transforms.info_files import read_plain_file
    content = read_plain_file(case['infos'])
    write_info_file(case['infos'], content['metainfo'], content['data_list'][:1] * 2)
    with pytest.raises(DataError, match='is there twice'):
        track(case['results'], case['infos'], case['out'])
    write_info_file(case['infos'], content['metainfo'], [dict(token='a', timestamp=1.0)])
    with pytest.raises(DataError, match='entry 0 of .* has no ego2global'):
        track(case['results'], case['infos'], case['out'])
    write_info_file(case['infos'], dict(content['metainfo'], dataset='lyft'), [])
    with pytest.raises(DataError, match="tracks of the data set 'lyft' cannot be written"):
        track(case['results'], case['infos'], case['out'])
