"""A simulated drive in nuScenes' layout through the real command lines."""
from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CONFIG = 'configs/baselines/centerpoint_simulated_nuscenes.py'


@pytest.mark.slow
def test_from_simulation_to_the_submission_and_the_pictures(run, tmp_path, monkeypatch):
    drive, work = tmp_path / 'drive', tmp_path / 'work'
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(drive))
    run('simulate', 'nuscenes', drive, '--scenes', 2, '--seconds', 1, '--image-width', 160,
        '--azimuths', 240, '--workers', 1)
    assert 'frames: train 2, val 2' in run('create_data', 'nuscenes', drive, '--workers', 1)
    assert 'no problems found' in run('check', drive)

    printed = run('train', CONFIG, '--work-dir', work, '--cfg-options', 'train_cfg.max_epochs=1',
                  'train_cfg.val_interval=2',
                  'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
                  'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False')
    assert 'trained 1 epochs' in printed
    scores, submission = tmp_path / 'scores.json', tmp_path / 'submission.json'
    run('test', CONFIG, work / 'epoch_1.pth', '--work-dir', work, '--out', scores,
        '--cfg-options', f'test_evaluator.submission_file={submission}',
        # an untrained head is sure of nothing
        'model.bbox_head.bbox_coder.score_threshold=0.0',
        'model.bbox_head.test_cfg.score_threshold=0.0')
    metrics = json.loads(scores.read_text())['metrics']
    assert 0 <= metrics['nuscenes/NDS'] <= 1 and len(metrics) > 100

    nuscenes = pytest.importorskip('nuscenes')
    from nuscenes.eval.common.loaders import load_prediction
    from nuscenes.eval.detection.data_classes import DetectionBox
    boxes, meta = load_prediction(str(submission), 500, DetectionBox, verbose=False)
    devkit = nuscenes.NuScenes('v1.0-mini', str(drive), verbose=False)
    val = {sample['token'] for sample in devkit.sample
           if devkit.get('scene', sample['scene_token'])['name'] == 'scene-0103'}
    assert set(boxes.sample_tokens) == val and meta['use_lidar'] and not meta['use_camera']
    assert len(boxes.all) > 10 and all(np.isfinite(box.velocity).all() for box in boxes.all)

    printed = run('visualize', CONFIG, work / 'epoch_1.pth', '--out', tmp_path / 'pictures',
                  '--indices', 1, '--score-threshold', 0.15)
    pictures = [Path(line) for line in printed.splitlines() if line.endswith('.png')]
    frame = os.path.commonprefix([path.stem for path in pictures]).rpartition('_')[0]
    assert len(frame) > 10  # as its files are called, not its number
    views = {path.stem.removeprefix(f'{frame}_') for path in pictures}
    assert views >= {'bev', 'CAM_FRONT', 'CAM_FRONT_LEFT', 'CAM_FRONT_RIGHT', 'CAM_BACK',
                     'CAM_BACK_LEFT', 'CAM_BACK_RIGHT'}
    front = next(path for path in pictures if path.stem.endswith('CAM_FRONT'))
    assert Image.open(front).size == (160, 90)
