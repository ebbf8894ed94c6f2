"""Results of other tools, drawn and analyzed without a checkpoint."""
from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from sparse3d.apis.analyze import analyze
from sparse3d.apis.result_files import ResultFile
from sparse3d.apis.visualize import frames_with_detections, visualize
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.datasets.nuscenes.results import sample_boxes
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_history import lidar2global
from sparse3d.transforms.info_files import read_info_file

CLASSES = ['pedestrian', 'car']
BOX = np.array([[8.0, 12, -1, 4.5, 1.8, 1.6, .4, 1, 0]])


@pytest.fixture(scope='module')
def root(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('results') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out, options=NuScenesPreparation(database=False))
    return out


@pytest.fixture
def config(root) -> Config:
    pipeline = [dict(type='LoadSweepPoints', sweeps=0), dict(type='PackSample', keys=['points'])]
    return Config(dict(test_dataloader=dict(dataset=dict(
        type='NuScenesDetectionDataset', data_root=str(root), test_mode=True, pipeline=pipeline,
        ann_file='nuscenes_infos_val.pkl', metainfo=dict(classes=CLASSES)))),
        filename=None)


def nuscenes_results(root: Path, tracking: bool = False) -> dict:
    entries = read_info_file(root / 'nuscenes_infos_val.pkl', 'nuscenes')['data_list']
    results = {entry['token']: sample_boxes(
        entry['token'], np.repeat(BOX, 2, 0), [.9, .6], [1, 2], [*CLASSES, 'truck'],
        lidar2global(entry)) for entry in entries}
    for box in (box for boxes in results.values() for box in boxes if tracking):
        box.update(tracking_name=box.pop('detection_name'), tracking_id='1',
                   tracking_score=box.pop('detection_score'))
    return dict(meta={}, results=results)


@pytest.mark.parametrize('tracking', [False, True])
def test_boxes_of_nuscenes_results_lie_where_they_were_found(root, config, tmp_path, tracking,
                                                              caplog):
    path = tmp_path / 'results_nusc.json'
    path.write_text(json.dumps(nuscenes_results(root, tracking)))
    frames = list(frames_with_detections(config, None, 5, .3, results=path))
    assert len(frames) == 5 and caplog.text.count('boxes of truck are left out') == 1
    for frame in frames:  # drawn with x forward: a quarter turn from nuScenes' frame
        np.testing.assert_allclose(frame.detections.boxes[:, :3], [[12, -8, -1]], atol=1e-3)
        assert frame.detections.labels.tolist() == [1]
        assert frame.detections.scores == pytest.approx([.9])


def test_pictures_and_a_report_without_a_checkpoint(root, config, tmp_path, monkeypatch):
    import sys
    monkeypatch.setattr(sys.modules['sparse3d.apis.visualize'], '_renderer_if_possible',
                        lambda: None)
    path = tmp_path / 'results_nusc.json'
    path.write_text(json.dumps(nuscenes_results(root)))
    pictures = visualize(config, out=tmp_path / 'out', frames=1, results=path)
    assert len(pictures) == 7 and all(picture.is_file() for picture in pictures)
    report = analyze(config, None, tmp_path / 'report', frames=2, worst=1, results=path)
    assert 'results_nusc.json' in report.read_text()


def test_a_folder_of_kitti_results(tmp_path):
    frame = SimpleNamespace(
        metainfo=dict(classes=('Car', 'Euro pallet')),
        get_data_info=lambda index: dict(lidar_path=f'velodyne/{index:06d}.bin', images={}))
    row = '-1 -1 0 -1 -1 -1 -1 1.5 1.8 4.2 3 1 12 0.1 0.75'
    (tmp_path / '000003.txt').write_text(f'Car {row}\nVan {row}\nEuro_pallet {row}\n')
    found = ResultFile(tmp_path).prediction(frame, 3).pred_instances_3d
    assert found.labels_3d.tolist() == [0, 1] and found.scores_3d.tolist() == [.75, .75]
    np.testing.assert_allclose(found.bboxes_3d.tensor[0, :2], [12, -3], atol=1e-5)
    with pytest.raises(DataError, match=r'000004\.txt does not exist: results of another split'):
        ResultFile(tmp_path).prediction(frame, 4)


@pytest.mark.parametrize(('content', 'message'), [
    (None, 'do not exist'), ('{', 'no JSON of nuScenes'), ('[]', 'needs "results"'),
    ('{"results": {"a": 1}}', 'needs "results"')])
def test_what_are_no_results(tmp_path, content, message):
    path = tmp_path / 'results.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        ResultFile(path)


def test_an_empty_folder_is_none(tmp_path):
    with pytest.raises(DataError, match='holds no KITTI result files'):
        ResultFile(tmp_path)


def test_results_of_other_samples_are_named(root, config, tmp_path):
    path = tmp_path / 'results.json'
    path.write_text('{"results": {}}')
    with pytest.raises(DataError, match='has nothing of the sample'):
        list(frames_with_detections(config, None, 1, .3, results=path))
    with pytest.raises(ConfigError, match='from one of them'):
        frames_with_detections(config, 'model.pth', 1, .3, results=path)
    with pytest.raises(ConfigError, match='give a checkpoint, or --results'):
        analyze(config, None, tmp_path)
