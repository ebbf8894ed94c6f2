"""Waymo through the real command lines: simulate, prepare, check, draw, train, test, submit."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse3d.datasets.waymo.prepare.segments import find_segments
from sparse3d.datasets.waymo.results import read_submission

CONFIG = 'configs/baselines/centerpoint_simulated_waymo.py'
ANY_SCORE = ('model.bbox_head.bbox_coder.score_threshold=0.0',
             'model.bbox_head.test_cfg.score_threshold=0.0')


@pytest.mark.slow
def test_from_nothing_to_a_submission(tmp_path, run, monkeypatch):
    root, work = tmp_path / 'drive', tmp_path / 'work'
    monkeypatch.setenv('SPARSE3D_SIMULATED_WAYMO', str(root / 'kitti_format'))
    out = run('simulate', 'waymo', root, '--segments', 2, '--seconds', .4, '--columns', 400,
              '--image-width', 160, '--workers', 1)
    assert '2 simulated segments' in out and set(find_segments(root)) == {'train', 'val'}
    out = run('create_data', 'waymo', root, '--workers', 1)
    assert 'train 4, val 4, trainval 8' in out
    assert 'no problems found' in run('check', root)
    out = run('visualize', CONFIG, '--frames', 1, '--out', tmp_path / 'pictures')
    pictures = {Path(line).stem.split('_', 1)[1] for line in out.splitlines()
                if line.endswith('.png')}
    assert {'bev', 'CAM_FRONT', 'CAM_SIDE_RIGHT'} <= pictures
    run('train', CONFIG, '--work-dir', work, '--cfg-options', 'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
        'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False')
    submission, scores = tmp_path / 'submission.bin', tmp_path / 'scores.json'
    run('test', CONFIG, work / 'epoch_1.pth', '--out', scores, '--work-dir', work,
        '--cfg-options', *ANY_SCORE, f'test_evaluator.submission_file={submission}',
        'test_evaluator.submission_fields.account_name=me@example.org',
        'test_evaluator.submission_fields.unique_method_name=small')
    metrics = json.loads(scores.read_text())['metrics']
    assert {f'waymo/{name}_L2_APH' for name in ('Vehicle', 'Pedestrian', 'Cyclist')} <= set(metrics)
    message = read_submission(submission, 'Submission')
    assert message.account_name == 'me@example.org'
    named = {(item.context_name, item.frame_timestamp_micros)
             for item in message.inference_results.objects}
    frames = {(frame.context_name, frame.timestamp)
              for segment in find_segments(root)['val'] for frame in segment.frames()}
    assert named and named <= frames
