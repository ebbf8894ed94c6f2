"""SparseBEV from a simulated drive to its score and pictures, through the real command lines."""
from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

CONFIG = 'configs/sparsebev/sparsebev_simulated_nuscenes.py'
ALONE = ['train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
         'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False',
         'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']


@pytest.mark.slow
def test_train_test_offline_and_from_memory_and_draw(run, tmp_path, monkeypatch):
    drive, work = tmp_path / 'drive', tmp_path / 'work'
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(drive))
    run('simulate', 'nuscenes', drive, '--scenes', 2, '--seconds', 1, '--image-width', 160,
        '--azimuths', 120, '--lidar-rate', 2, '--workers', 1)
    run('create_data', 'nuscenes', drive, '--workers', 1)
    printed = run('train', CONFIG, '--work-dir', work, '--cfg-options', *ALONE,
                  'train_cfg.max_epochs=1', 'train_cfg.val_interval=2')
    assert 'trained 1 epochs' in printed
    metrics = []
    for remembered in (0, 3):
        scores = tmp_path / f'scores{remembered}.json'
        run('test', CONFIG, work / 'epoch_1.pth', '--work-dir', work, '--out', scores,
            '--cfg-options', *ALONE, f'model.cache_frames={remembered}',
            'model.bbox_head.detections.score_threshold=0.0')
        metrics.append(json.loads(scores.read_text())['metrics'])
    assert len(metrics[0]) > 100 and set(metrics[0]) == set(metrics[1])
    for name, value in metrics[0].items():  # nan for what no class has
        assert metrics[1][name] == pytest.approx(value, abs=1e-3, nan_ok=True)
    rows = _with_queries_at_objects(work, tmp_path / 'places.json')
    assert [row['name'] for row in rows] == ['as it is', 'queries begin at the objects']
    first, second = (row['metrics'] for row in rows)
    assert set(first) == set(second) == set(metrics[0])
    assert any(first[name] != second[name] for name in first if not math.isnan(first[name]))
    printed = run('visualize', CONFIG, work / 'epoch_1.pth', '--out', tmp_path / 'pictures',
                  '--indices', 1, '--score-threshold', 0, '--pictures', 'sampling_points')
    names = {path.name for path in (tmp_path / 'pictures').iterdir()}
    assert sum('sampling' in name for name in names) == 2
    assert sum('CAM' in name for name in names) == 6 and sum('tau' in name for name in names) == 1
    assert all(name in printed for name in names)


def _with_queries_at_objects(work: Path, out: Path) -> list[dict]:
    """A test as it is, and one whose queries begin at the labeled objects."""
    from sparse3d_benchmarks.query_places import main
    assert main([CONFIG, str(work / 'epoch_1.pth'), '--out', str(out), '--work-dir', str(work),
                 '--cfg-options', *ALONE,
                 'model.bbox_head.detections.score_threshold=0.0']) == 0
    return json.loads(out.read_text())['runs']
