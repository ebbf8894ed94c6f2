"""Result files of other tools on simulated drives, through visualize.py and analyze.py."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparse3d.apis.sample_frames import build_dataset
from sparse3d.datasets.nuscenes.results import make_submission, sample_boxes
from sparse3d.datasets.waymo.results import write_detection_submission
from sparse3d.engine.load_config import load_config
from sparse3d.structures.box_conversions import lidar_to_center

NUSCENES = 'configs/baselines/centerpoint_simulated_nuscenes.py'
WAYMO = 'configs/baselines/centerpoint_simulated_waymo.py'
WAYMO_TYPE = dict(Car=1, Pedestrian=2, Cyclist=4)


@pytest.fixture
def _bev_alone(monkeypatch):
    """No 3D views: they need a renderer, and nothing in them depends on the file."""
    import sys

    import sparse3d.apis.visualize  # noqa: F401
    from sparse3d.errors import BackendUnavailable

    def unavailable(**options):
        raise BackendUnavailable('open3d cannot render here')

    monkeypatch.setattr(sys.modules['sparse3d.apis.visualize'], 'SceneRenderer', unavailable)


def frames_of(config: str) -> list[tuple[dict, np.ndarray, list[str]]]:
    """Description, boxes (N, 7 or 9) and class names of the ground truth of each frame."""
    dataset = build_dataset(load_config(config), 'test')
    names = dataset.metainfo['classes']
    found = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        truth = info['eval_ann_info']
        rows = np.flatnonzero(truth['gt_labels_3d'] >= 0)
        found.append((info, truth['gt_bboxes_3d'].tensor.numpy()[rows],
                      [names[label] for label in truth['gt_labels_3d'][rows]]))
    return found


def mistakes(report: Path) -> list[int]:
    """Counts of matched objects, then of the mistakes by kind; not of what is ignored."""
    text = report.read_text()
    row = text[text.index('id="mistakes"'):]
    row = row[row.index('<tbody>'):row.index('</tbody>')]
    return [int(cell.split('</td>')[0]) for cell in row.split('<td>')[1:]][:-2]


def drawn_and_analyzed(run, config: str, results: Path, out: Path) -> list[int]:
    written = run('visualize', config, '--results', results, '--frames', 1, '--out', out / 'drawn')
    assert any(line.endswith('_bev.png') for line in written.splitlines())
    run('analyze', config, '--results', results, '--frames', 1, '--out', out / 'analyzed')
    return mistakes(next((out / 'analyzed').rglob('*.html')))


def as_tracks(entries: list[dict]) -> list[dict]:
    """The same boxes as entries of the tracking task."""
    kept = [{key: value for key, value in entry.items() if not key.startswith(
        ('detection_', 'attribute_'))} for entry in entries]
    return [dict(entry, tracking_id=str(row), tracking_name=entries[row]['detection_name'],
                 tracking_score=entries[row]['detection_score'])
            for row, entry in enumerate(kept)]


@pytest.mark.slow
def test_nuscenes_json(tmp_path, run, monkeypatch, _bev_alone):
    root = tmp_path / 'drive'
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(root))
    run('simulate', 'nuscenes', root, '--scenes', 2, '--seconds', 1.5, '--image-width', 80,
        '--azimuths', 360, '--workers', 1)
    run('create_data', 'nuscenes', root, '--workers', 1)
    results = {}
    for info, boxes, names in frames_of(NUSCENES):
        classes = sorted(set(names))
        labels = np.array([classes.index(name) for name in names], np.int64)
        results[info['token']] = sample_boxes(
            info['token'], np.nan_to_num(boxes), np.full(len(names), 0.9), labels, classes,
            info['lidar2global'])
    tracks = {token: as_tracks(entries) for token, entries in results.items()}
    for task, found in (('detection', results), ('tracking', tracks)):
        path = tmp_path / f'{task}.json'
        path.write_text(json.dumps(make_submission(found, dict(use_lidar=True))))
        counts = drawn_and_analyzed(run, NUSCENES, path, tmp_path / task)
        assert counts[0] > 0 and not any(counts[1:]), task


@pytest.mark.slow
def test_waymo_bin(tmp_path, run, monkeypatch, _bev_alone):
    root = tmp_path / 'drive'
    monkeypatch.setenv('SPARSE3D_SIMULATED_WAYMO', str(root / 'kitti_format'))
    run('simulate', 'waymo', root, '--segments', 2, '--seconds', .2, '--columns', 300,
        '--image-width', 0, '--workers', 1)
    run('create_data', 'waymo', root, '--workers', 1)
    frames = [dict(name=(info['context_name'], int(info['timestamp'])),
                   box=lidar_to_center(boxes[:, :7]),
                   type=np.array([WAYMO_TYPE[name] for name in names], np.int64),
                   score=np.full(len(names), 0.9))
              for info, boxes, names in frames_of(WAYMO)]
    for name, plain in (('submission', False), ('objects', True)):
        path = tmp_path / f'{name}.bin'
        write_detection_submission(path, frames, plain_objects=plain)
        counts = drawn_and_analyzed(run, WAYMO, path, tmp_path / name)
        assert counts[0] > 0 and not any(counts[1:]), name
