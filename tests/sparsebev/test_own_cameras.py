"""Cameras of other names and another number, from preparation to detections and losses."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate

from nuscenes_changes import rename_cameras
from sparse3d.apis.sample_frames import build_dataset
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.errors import DataError

CONFIG = Path(__file__).resolve().parents[2] / 'configs/sparsebev/sparsebev_simulated_nuscenes.py'
NAMES = {'CAM_FRONT': 'FRONT', 'CAM_BACK_LEFT': 'LEFT', 'CAM_BACK_RIGHT': 'RIGHT',
         'CAM_BACK': 'rear view'}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    """Four cameras, no LiDAR files, no maps."""
    root = tmp_path_factory.mktemp('own') / 'drive'
    simulate_nuscenes(root, 2, seed=3, show_progress=False, options=NuScenesOptions(
        seconds=1, image_width=160, camera_rate=4, azimuths=120))
    rename_cameras(root, NAMES)
    for folder in ('samples/LIDAR_TOP', 'sweeps/LIDAR_TOP', 'maps'):
        shutil.rmtree(root / folder, ignore_errors=True)
    prepare_nuscenes(root)
    return root


def config_of(root: Path, monkeypatch, cameras=None):
    monkeypatch.setenv('SPARSE3D_SIMULATED_NUSCENES', str(root))
    options = {} if cameras is None else {
        f'{split}_dataloader.dataset.pipeline.0.cameras': cameras for split in ('train', 'test')}
    return load_config(CONFIG, options)


def test_own_cameras_reach_losses_and_detections(root, monkeypatch):
    config = config_of(root, monkeypatch, list(NAMES.values()))
    model = build_model(config)
    sample = build_dataset(config, 'test')[1]
    assert sample['inputs']['img'].shape[0] == 2 * 4
    with torch.no_grad():
        found = model.eval().test_step(pseudo_collate([sample]))[0].pred_instances_3d
    assert torch.isfinite(found.bboxes_3d.tensor).all()
    batch = model.data_preprocessor(pseudo_collate([build_dataset(config, 'train')[1]]), True)
    losses = model.train()(**batch, mode='loss')
    assert all(torch.isfinite(value).all() for value in losses.values())


def test_a_config_of_other_cameras_is_refused_by_name(root, monkeypatch):
    with pytest.raises(DataError, match='cameras .*differ.*FRONT.*rear view.*CAM_FRONT_RIGHT'):
        build_dataset(config_of(root, monkeypatch), 'test')
