"""mmdet3d's own configs on a CPU with one import: two steps and an evaluation on a drive."""
from __future__ import annotations

import math
from pathlib import Path

import pytest

import mmdet3d_runs
from sparse3d_cli import main

SMALL_DRIVES = {
    'kitti': ('--frames', '4', '--frames-per-drive', '2', '--val-fraction', '0.5', '--azimuths',
              '600', '--image-scale', '0.1'),
    'nuscenes': ('--scenes', '2', '--seconds', '1', '--image-width', '160', '--azimuths', '240'),
}


@pytest.fixture(scope='module')
def drives(tmp_path_factory) -> Path:
    """A folder with ``data/kitti`` and ``data/nuscenes``, where mmdet3d's configs look."""
    home = tmp_path_factory.mktemp('drives')
    for name, options in SMALL_DRIVES.items():
        out = str(home / 'data' / name)
        assert main(['simulate', name, out, '--workers', '1', *options]) == 0
        assert main(['create-data', name, out, '--workers', '1']) == 0
    return home


@pytest.mark.slow
@pytest.mark.parametrize('name', [*mmdet3d_runs.KITTI, *mmdet3d_runs.NUSCENES])
def test_trains_two_steps_and_is_evaluated(name, drives, tmp_path, monkeypatch):
    monkeypatch.chdir(drives)
    options = (mmdet3d_runs.KITTI | mmdet3d_runs.NUSCENES)[name]
    config = mmdet3d_runs.own_config(name, tmp_path, options)
    mmdet3d_runs.make_short(config)
    losses, metrics = mmdet3d_runs.train_and_evaluate(config)
    assert len(losses) == 2 and all(math.isfinite(value) for step in losses
                                    for value in step.values())
    assert losses[0]['loss'] > 0 and losses[0] != losses[1]
    wanted = 'NuScenes metric/pred_instances_3d_NuScenes/NDS' if name in mmdet3d_runs.NUSCENES \
        else 'Kitti metric/pred_instances_3d/KITTI/Car_3D_AP40_moderate_strict'
    assert 0 <= metrics[wanted] <= 100
