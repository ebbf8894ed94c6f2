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


@pytest.mark.parametrize(('options', 'words'), [
    (['--split', 'val'], '--split is for a CHECKPOINT behind a config'),
    (['--score-threshold', '-1'], '--score-threshold is for a CHECKPOINT'),
    (['--cfg-options', 'a=1'], '--cfg-options is for a CHECKPOINT'),
    (['--device', 'cpu'], '--device is for a CHECKPOINT')])
def test_options_of_a_model_beside_stored_detections(case, options, words, capsys):
    assert main(['track', str(case['results']), '--infos', str(case['infos']), '--out',
                 str(case['out']), *options]) == 2
    assert words in capsys.readouterr().err and not case['out'].exists()


@pytest.mark.parametrize('options', [['--tracker', 'greedy'], ['--options', 'max_lost=2'],
                                     ['--like', 'a=car'], ['--confirmed'], ['--format', 'json']])
def test_options_of_tracking_where_nothing_is_tracked(case, options, capsys):
    assert main(['track', str(case['results']), '--infos', str(case['infos']), '--only-evaluate',
                 str(case['root']), *options]) == 2
    assert f'{options[0]} is for tracking, which --only-evaluate does' in capsys.readouterr().err


def test_detections_are_not_written_over_and_a_failed_score_says_where_the_tracks_are(case):
    before = case['results'].read_bytes()
    with pytest.raises(DataError, match='is the file that is read'):
        track(case['results'], case['infos'], case['results'])
    assert case['results'].read_bytes() == before
    with pytest.raises(DataError, match='the tracks are written to .*tracks.json, but cannot be'):
        track(case['results'], case['infos'], case['out'], evaluate=case['root'] / 'v1.0-mini')
    assert case['out'].is_file()


def test_samples_that_the_info_file_does_not_have_are_counted(case):
    content = json.loads(case['results'].read_text())
    boxes = next(iter(content['results'].values()))
    content['results']['f' * 32] = [dict(box, sample_token='f' * 32) for box in boxes]
    case['results'].write_text(json.dumps(content))
    report = track(case['results'], case['infos'], case['out'])
    assert report.others == 1 and 'of 1 samples that are not in the info file' in str(report)
    assert 'f' * 32 not in json.loads(case['out'].read_text())['results']


def test_an_option_without_a_value_is_named(case, capsys):
    for option in ('--options', '--score-options'):
        assert main(['track', str(case['results']), '--infos', str(case['infos']), '--out',
                     str(case['out']), option, 'max_lost']) == 2
        assert f"error: {option} takes key=value, not 'max_lost'" in capsys.readouterr().err


def test_why_there_is_no_track(case):
    content = json.loads(case['results'].read_text())
    for boxes in content['results'].values():
        for box in boxes:
            box['detection_score'] *= .1
    case['results'].write_text(json.dumps(content))
    report = track(case['results'], case['infos'], case['out'])
    assert report.boxes == 0 and 'no track: the best of' in str(report)
    assert 'birth_score=' in str(report) and case['out'].is_file()
    fine = track(case['results'], case['infos'], case['out'], options=dict(
        birth_score=.01, high_score=.01, low_score=0))
    assert fine.boxes and 'no track' not in str(fine)
