"""Result files drawn and analyzed without a checkpoint."""
from __future__ import annotations

import re
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis import load_config, visualize
from sparse3d.apis.analyze import analyze
from sparse3d.apis.predicted_frames import frames_with_detections
from sparse3d.datasets.kitti.evaluate import KittiObjects, evaluate_kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.text import read_labels
from sparse3d.errors import BackendUnavailable, ConfigError, DataError
from sparse3d.plugins import config_home
from sparse3d.structures.detections import Detections

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
