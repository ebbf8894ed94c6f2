"""Joints through the real command lines: simulate, prepare, train, test, draw, detect."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/voxelkp/voxelkp_simulated_waymo.py'
SMALL = ('model.middle_encoder.channels=(8,8,16,16)', 'model.neck.in_channels=[16,16]',
         'model.neck.out_channels=16', 'model.bbox_head.in_channels=16')


@pytest.mark.slow
def test_from_nothing_to_joints(tmp_path, run, monkeypatch):
    from sparse3d.apis import load_detector
    root, work, scores = tmp_path / 'drive', tmp_path / 'work', tmp_path / 'scores.json'
    monkeypatch.setenv('SPARSE3D_SIMULATED_WAYMO', str(root / 'kitti_format'))
    run('simulate', 'waymo', root, '--segments', 2, '--seconds', .2, '--columns', 500,
        '--image-width', 0, '--workers', 1)
    run('create_data', 'waymo', root, '--workers', 1, '--keep-no-label-zones')
    run('train', CONFIG, '--work-dir', work, '--cfg-options', *SMALL, 'train_cfg.max_epochs=1',
        'train_cfg.val_interval=2',
        'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
        'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False')
    any_score = (*SMALL, 'model.bbox_head.test_cfg.score_threshold=0.0')
    out = run('test', CONFIG, work / 'epoch_1.pth', '--out', scores, '--work-dir', work,
              '--cfg-options', *any_score, 'test_dataloader.num_workers=0',
              'test_dataloader.persistent_workers=False')
    metrics = json.loads(scores.read_text())['metrics']
    assert {f'{cloud}/{protocol}/PEM/ALL' for cloud in ('raw', 'cleaned')
            for protocol in ('voxelkp', 'waymo')} <= set(metrics)
    assert 'raw clouds' in out and 'cleaned clouds' in out
    pictures = run('visualize', CONFIG, work / 'epoch_1.pth', '--frames', 2, '--keypoints',
                   '--score-threshold', 0, '--out', tmp_path / 'pictures', '--video',
                   tmp_path / 'drive.mp4', '--cfg-options', *any_score)
    assert 'people.png' in pictures and (tmp_path / 'drive.mp4').stat().st_size > 1000
    options = dict(option.split('=') for option in any_score)
    detector = load_detector(ROOT / CONFIG, work / 'epoch_1.pth', 'cpu', {
        key: json.loads(value.replace('(', '[').replace(')', ']'))
        for key, value in options.items()})
    points = next(root.glob('kitti_format/**/velodyne/*.bin'))
    import numpy as np
    people = detector(points=np.fromfile(points, np.float32).reshape(-1, 6)[:, :5])
    assert people.keypoints_3d.shape == (len(people), 14, 3) and len(people) > 0
    assert people.keypoint_visibility.shape == (len(people), 14)
