"""Result files drawn and analyzed without a checkpoint."""
from __future__ import annotations

import logging
import re
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis import load_config, visualize
from sparse3d.apis.analyze import analyze
from sparse3d.apis.predicted_frames import frames_with_detections
from sparse3d.datasets.argoverse2.results import submission_columns, write_argoverse2_submission
from sparse3d.datasets.kitti.evaluate import KittiObjects, evaluate_kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.text import read_labels
from sparse3d.datasets.waymo.results import write_detection_submission
from sparse3d.errors import BackendUnavailable, ConfigError, DataError
from sparse3d.plugins import config_home
from sparse3d.structures.detections import Detections
from sparse3d_cli import main

CONFIG = config_home() / 'focalsconv/focalsconv_centerpoint_kitti_car.py'


@pytest.fixture
def case(small_kitti, tmp_path, monkeypatch):
    """Options of a config, and a folder with the labels as results of score 0.9."""
    import sys

    def unavailable(**options):
        raise BackendUnavailable('open3d cannot render here')

    monkeypatch.setattr(sys.modules['sparse3d.apis.visualize'], 'SceneRenderer', unavailable)
    prepare_kitti(small_kitti.root)
    folder = tmp_path / 'results'
    folder.mkdir()
    for path in (small_kitti.root / 'training/label_2').glob('*.txt'):
        lines = [f'{line} 0.9' for line in path.read_text().splitlines() if 'DontCare' not in line]
        (folder / path.name).write_text('\n'.join(lines))
    return dict(data_root=str(small_kitti.root)), folder


def test_pictures_and_a_report(case, tmp_path):
    options, folder = case
    paths = visualize(CONFIG, None, tmp_path / 'out', frames=1, cfg_options=options,
                      results=folder)
    assert paths and all(path.is_file() for path in paths)
    report = analyze(CONFIG, None, tmp_path / 'report', frames=1, cfg_options=options,
                     results=folder)
    text = report.read_text()
    row = text[text.index('id="mistakes"'):]
    row = row[row.index('<tbody>'):row.index('</tbody>')]
    counts = [int(cell.split('</td>')[0]) for cell in row.split('<td>')[1:]]
    assert counts == [1, 0, 0, 0, 0, 0, 0, 1, 1]  # of two cars one counts: found, no mistake


def test_the_report_has_the_numbers_of_the_benchmark_and_leaves_out_what_it_ignores(case, tmp_path):
    options, folder = case
    labels = Path(options['data_root'], 'training/label_2')
    frames = [KittiObjects.from_labels(read_labels(labels / '000008.txt'))]   # the split's only
    found = [replace(frame, score=np.full(len(frame), 0.9)) for frame in frames]
    found = [KittiObjects(*(getattr(frame, field.name)[frame.name != 'DontCare']
                            for field in fields(KittiObjects))) for frame in found]
    expected = evaluate_kitti(found, frames, ['Car'])
    report = analyze(CONFIG, None, tmp_path / 'report', cfg_options=options, results=folder)
    text = report.read_text()
    shown = dict(re.findall(r'<tr><td>kitti/(\w+)</td><td>([\d.]+)</td></tr>', text))
    assert expected.average_precision['Car_3D_R11_hard'] > 5
    for key in ('Car_3D_R40_moderate', 'Car_3D_R11_easy', 'Car_3D_R11_hard', 'Car_BEV_R11_hard'):
        assert float(shown[key]) == pytest.approx(expected.average_precision[key], abs=0.005)
    counted = expected.num_gt['Car', 'hard']
    row = re.search(r'<tr><td>Car</td><td>(\d+)</td><td>(\d+)</td><td>([\d.]+)</td>',
                    text[text.index('id="precision-and-recall"'):])
    assert int(row[1]) == counted and float(row[3]) == 100


def test_own_files_are_drawn_and_analyzed_as_those_of_the_benchmark(case, tmp_path):
    options, folder = case
    own = tmp_path / 'own'
    frame, = frames_with_detections(load_config(CONFIG, options), None, 1, 0.0, results=folder)
    found = frame.detections
    for suffix in ('json', 'csv'):
        Detections(found.boxes, found.scores, found.labels, frame.class_names,
                   name=frame.name).save(own / suffix / f'{frame.name}.{suffix}')
        assert visualize(CONFIG, None, tmp_path / f'out_{suffix}', frames=1, cfg_options=options,
                         results=own / suffix)
        again, = frames_with_detections(load_config(CONFIG, options), None, 1, 0.0,
                                        results=own / suffix)
        np.testing.assert_allclose(again.detections.boxes, found.boxes, atol=1e-4)
    numbers = [re.findall(r'<tr><td>kitti/(\w+)</td><td>([\d.]+)</td></tr>', analyze(
        CONFIG, None, tmp_path / f'report_{path.name}', cfg_options=options,
        results=path).read_text()) for path in (folder, own / 'json', own / 'csv')]
    assert numbers[0] and numbers[0] == numbers[1] == numbers[2]


def test_other_classes_are_left_out_and_said(case, caplog):
    options, folder = case
    (folder / '000008.txt').write_text((folder / '000008.txt').read_text().replace('Car', 'Van', 1))
    frame, = frames_with_detections(load_config(CONFIG, options), None, 1, 0.0, results=folder)
    assert len(frame.detections) == 1 and len(frame.ground_truth) == 2
    assert 'left out, not among the classes of the data set: 1 Van' in caplog.text


def test_results_of_other_classes_alone_are_no_report(case, tmp_path):
    options, folder = case
    (folder / '000008.txt').write_text((folder / '000008.txt').read_text().replace('Car', 'Van'))
    with pytest.raises(DataError, match='none of the 2 detections .*they are Van, its classes Car'):
        analyze(CONFIG, None, tmp_path / 'report', frames=1, cfg_options=options, results=folder)
    assert not (tmp_path / 'report').exists()


def test_what_does_not_go_together_is_refused(case, tmp_path):
    options, folder = case
    with pytest.raises(ConfigError, match='not from both'):
        frames_with_detections(load_config(CONFIG, options), 'a.pth', 1, 0.0, results=folder)
    with pytest.raises(ConfigError, match='give a checkpoint or --results'):
        analyze(CONFIG, None, tmp_path / 'report')
    (folder / '000008.txt').unlink()
    with pytest.raises(DataError, match='no entry for frame 000008'):
        visualize(CONFIG, None, tmp_path / 'out', cfg_options=options, results=folder)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match='does not exist'):
        visualize(CONFIG, None, tmp_path / 'out', cfg_options=options, results=folder)


def test_results_of_the_training_split_lie_on_frames_as_they_were_recorded(case):
    """Training turns and repeats frames, and adds objects to them."""
    options, folder = case
    for _ in range(3):
        frames = list(frames_with_detections(load_config(CONFIG, options), None, 9, 0.0, 'train',
                                             results=folder))
        assert [frame.name for frame in frames] == ['000003', '000005', '000007']
        for frame in frames:
            assert len(frame.detections) == len(frame.ground_truth) <= 1
            np.testing.assert_allclose(frame.detections.boxes, frame.ground_truth.boxes, atol=1e-3)


def test_a_training_set_of_several_has_no_results(case):
    options, folder = case
    config = load_config(CONFIG, options)
    data = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=data)
    assert len(list(frames_with_detections(config, None, 9, 0.0, 'train', results=folder))) == 3
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[data, data])
    with pytest.raises(ConfigError, match='joins 2 data sets, and results are of one'):
        frames_with_detections(config, None, 9, 0.0, 'train', results=folder)


@pytest.fixture(autouse=True)
def no_complaint_of_a_logger(monkeypatch):
    """One of an earlier test in this process may write to what that test captured."""
    monkeypatch.setattr(logging, 'raiseExceptions', False)


def told(capsys, *words) -> tuple[int, str]:
    """Exit status of a verb, and what it wrote to standard error apart from progress."""
    status = main([str(word) for word in words])
    lines = [line for line in capsys.readouterr().err.splitlines() if 'working, ' not in line]
    return status, '\n'.join(line for line in lines if line)


def write_results(folder: Path, kind: str) -> Path:
    """A result file of another kind than the data set's, or a damaged one."""
    path = folder / kind
    contents = {
        'empty.json': b'', 'cut.json': b'{"results": {"a": [{"tran', 'other.json': b'{"meta": 1}',
        'list.json': b'[1, 2]', 'nuscenes.json': b'{"results": {"a": []}}', 'empty.bin': b'',
        'noise.bin': bytes(range(1, 200)), 'cloud.bin': np.ones(400, '<f4').tobytes(),
        'empty.feather': b'', 'noise.feather': b'ARROW1' * 30, 'weights.pth': b'PK\3\4',
        'picture.png': b'\x89PNG', 'empty.npz': b'', 'noise.npz': b'PK\3\4' * 9, 'empty.csv': b''}
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == 'argoverse2.feather':
        write_argoverse2_submission([submission_columns(
            np.array([[9, 0, 0, 4, 2, 1.5, 0.0]]), np.ones(1), ['BUS'], 'log', 3)], path)
    elif kind == 'waymo.bin':
        write_detection_submission(path, [dict(
            name=('drive', 7), box=np.array([[9, 0, 0, 4, 2, 1.5, 0.0]]), type=np.array([1]),
            score=np.ones(1))])
    elif kind != 'absent.json':
        path.mkdir()
        for name in {'pictures': ['a.png'], 'own': ['000001.json'], 'empty': []}[kind]:
            (path / name).write_text('[]')
    return path


KINDS = {
    'empty.json': 'empty', 'cut.json': 'no JSON', 'other.json': 'no table "results"',
    'list.json': 'no table "results"',
    'nuscenes.json': r'not belong to this data set \(kitti\): it is read as detection or tracking',
    'empty.bin': 'no objects of Waymo', 'noise.bin': 'damaged or is no Objects',
    'cloud.bin': 'damaged or is no Objects', 'empty.feather': 'no whole feather file',
    'noise.feather': 'no whole feather file', 'weights.pth': 'no result file',
    'picture.png': 'no result file', 'empty.npz': 'no entry for frame|empty',
    'noise.npz': 'holds no detections', 'empty.csv': 'no detections.*empty',
    'argoverse2.feather': 'detections of Argoverse 2 .*give results and config of one data set',
    'waymo.bin': 'objects or a submission of Waymo .*of one data set',
    'pictures': 'no result file', 'own': 'no entry for', 'empty': 'no result file',
    'absent.json': 'does not exist'}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('verb', ['visualize', 'analyze'])
def test_verbs_refuse_what_is_no_result_of_the_data_set(case, tmp_path, capsys, verb, kind):
    options, _ = case
    path, out = write_results(tmp_path, kind), tmp_path / 'out'
    status, text = told(capsys, verb, CONFIG, '--results', path, '--out', out, '--cfg-options',
                        f'data_root={options["data_root"]}')
    assert status == 2 and text.startswith('error: ') and '\n' not in text
    assert re.search(KINDS[kind], text) and str(path) in text, text
    assert not out.exists()


@pytest.mark.parametrize('verb', ['visualize', 'analyze'])
def test_nothing_is_written_before_all_frames_are_read(case, tmp_path, capsys, verb):
    options, folder = case
    words = (verb, CONFIG, '--split', 'train', '--results', folder, '--out', tmp_path / 'out',
             '--frames', 9, '--cfg-options', f'data_root={options["data_root"]}')
    (folder / '000003.txt').write_text('Car 0 0\n')    # the second of the split
    status, text = told(capsys, *words)
    assert status == 2 and '000003.txt, line 1 has 3 columns' in text
    (folder / '000003.txt').unlink()
    status, text = told(capsys, *words)
    assert status == 2 and re.search('no entry for 1 of the . frames .*000003', text), text
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('verb, out', [('visualize', 'file/x'), ('analyze', 'file'),
                                       ('analyze', 'file/x'), ('visualize', 'file')])
def test_outputs_that_cannot_be_written_are_told_first(case, tmp_path, capsys, verb, out):
    options, folder = case
    (tmp_path / 'file').write_text('kept')
    status, text = told(capsys, verb, CONFIG, '--results', folder, '--out', tmp_path / out,
                        '--cfg-options', f'data_root={options["data_root"]}')
    assert status == 2 and 'could not be written: ' in text and 'is not a folder' in text
    assert (tmp_path / 'file').read_text() == 'kept'


def test_of_two_the_second_is_looked_for_before_the_first_is_run(tmp_path, capsys):
    (tmp_path / 'a').mkdir()
    status, text = told(capsys, 'analyze', CONFIG, '--results', tmp_path / 'a', tmp_path / 'b')
    assert (status, text) == (2, f'error: {tmp_path / "b"} does not exist')


def test_scores_that_reach_no_threshold_and_empty_results_are_said(case, caplog):
    options, folder = case
    config = load_config(CONFIG, options)
    for path in folder.glob('*.txt'):
        path.write_text(path.read_text().replace(' 0.9', ' 0.02'))
    frame, = frames_with_detections(config, None, 1, 0.3, results=folder)
    assert len(frame.detections) == 0
    assert re.search('none of the 2 detections reaches the score 0.3, the best has 0.02; lower',
                     caplog.text)
    caplog.clear()
    for path in folder.glob('*.txt'):
        path.write_text('')
    list(frames_with_detections(config, None, 1, 0.3, results=folder))
    assert 'holds no detection in the 1 frames' in caplog.text
