"""SparseFusion on a simulated drive: data, training, scores with and without a sensor, pictures."""
from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import sparsefusion.register  # noqa: F401
from sparse3d.apis import test as evaluate
from sparse3d.apis import train, visualize
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparsefusion.pictures import STAGES

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'sparsefusion'
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
    fused = CONFIGS / 'sparsefusion_simulated_nuscenes.py'
    train(fused, tmp_path / 'work', {**SHORT, **SERIAL})
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    drive_of = 'simulated_nuscenes'
    for name in (drive_of, f'{drive_of}_front_camera_lost', f'{drive_of}_half_beams',
                 f'cameras_only_{drive_of}'):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # a lost camera is reported
            scores = evaluate(CONFIGS / f'sparsefusion_{name}.py', checkpoint,
                              tmp_path / name, SERIAL)
        assert 0 <= scores['nuscenes/NDS'] <= 1
    paths = visualize(fused, checkpoint, tmp_path / 'pictures', frames=1, score_threshold=0.0,
                      cfg_options=SERIAL, pictures=['stages'])
    stages = [path for path in paths if any(f'_{stage}' in path.stem for stage in STAGES)]
    assert len(stages) == 4 + 3 * 6 and all(path.is_file() for path in stages)


@pytest.mark.slow
def test_lidar_alone_trains_too(drive, tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(drive))
    train(CONFIGS / 'transfusion_l_simulated_nuscenes.py', tmp_path / 'work', {**SHORT, **SERIAL})
    assert (tmp_path / 'work' / 'epoch_1.pth').is_file()
