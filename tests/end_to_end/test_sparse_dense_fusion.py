"""Sparse-Dense Fusion on a simulated drive: data, training, scores with less, pictures."""
from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import sparse_dense_fusion.register  # noqa: F401
from sparse3d.apis import test as evaluate
from sparse3d.apis import train, visualize
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'sparse_dense_fusion'
SHORT = {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1}
SERIAL = {f'{part}_dataloader.{key}': value for part in ('train', 'val', 'test')
          for key, value in (('num_workers', 0), ('persistent_workers', False))}


@pytest.fixture(scope='module')
def drive(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('drive') / 'nuscenes'
    options = NuScenesOptions(seconds=1, image_width=160, camera_rate=2, lidar_rate=4, azimuths=240)
    simulate_nuscenes(root, 2, seed=3, options=options, show_progress=False)
    prepare_nuscenes(root, workers=1)
    return root


@pytest.mark.slow
def test_from_a_drive_to_scores_and_pictures(drive, tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(drive))
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES_NIGHT', str(drive))  # by day, but found
    fused = CONFIGS / 'sdf_simulated_nuscenes.py'
    train(fused, tmp_path / 'work', {**SHORT, **SERIAL})
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    of_drive = 'simulated_nuscenes'
    for name in (of_drive, f'{of_drive}_front_camera_lost', f'{of_drive}_half_beams',
                 f'{of_drive}_night', f'cameras_only_{of_drive}'):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # a lost camera is reported
            scores = evaluate(CONFIGS / f'sdf_{name}.py', checkpoint, tmp_path / name, SERIAL)
        assert 0 <= scores['nuscenes/NDS'] <= 1
    paths = visualize(fused, checkpoint, tmp_path / 'pictures', frames=1, score_threshold=0.0,
                      cfg_options=SERIAL)
    assert paths and all(path.is_file() for path in paths)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['dense_only_', 'sparse_only_', 'lidar_only_', 'cameras_only_'])
def test_each_part_trains_alone(drive, tmp_path, monkeypatch, name):
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(drive))
    train(CONFIGS / f'sdf_{name}simulated_nuscenes.py', tmp_path / 'work', {**SHORT, **SERIAL})
    assert (tmp_path / 'work' / 'epoch_1.pth').is_file()
