"""Own cameras in plain files, from preparation to training steps; points are optional."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sparse3d.apis import load_config, train, visualize
from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.custom.prepare.frames import prepare_custom

CAMERAS = ('left eye', 'Heck-Kamera', 'caf\u00e9')
LOOKS = {'left eye': 0.6, 'Heck-Kamera': np.pi, 'caf\u00e9': -0.6}  # radians from x


def camera_matrices(yaw):
    """A camera of 64 x 36 pixels, 0.3 m before the LiDAR."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = np.array([[sin, -cos, 0], [0, 0, -1], [cos, sin, 0]])  # x right, y down, z ahead
    lidar2cam = np.eye(4)
    lidar2cam[:3, :3] = turned
    lidar2cam[2, 3] = -0.3
    return dict(cam2img=[[40, 0, 32], [0, 40, 18], [0, 0, 1]], lidar2cam=lidar2cam.tolist())


@pytest.fixture
def drive(tmp_path) -> Path:
    """Two scenes of three frames, three cameras, one of which is lost in one frame; no points."""
    root, random = tmp_path / 'mine', np.random.default_rng(0)
    (root / 'boxes').mkdir(parents=True)
    frames = {}
    for number in range(6):
        name = f'frame {number} \u00e4'
        for camera in CAMERAS:
            if (number, camera) != (1, 'left eye'):
                path = root / f'images/{camera}/{name}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                picture = random.integers(0, 255, (36, 64, 3)).astype(np.uint8)
                path.write_bytes(cv2.imencode('.png', picture)[1].tobytes())
        (root / f'boxes/{name}.csv').write_text(
            'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,12,6,-1.5,4,1.8,1.5,0.3\n'
            'Car,-10,1,-1.5,4,1.8,1.5,1\n')
        pose = np.eye(4)
        pose[0, 3] = number
        frames[name] = dict(scene=f'scene {number // 3}', timestamp=5.0 - 0.5 * (number % 3),
                            lidar2global=pose.tolist())
    (root / 'frames.json').write_text(json.dumps(frames))
    (root / 'calibration.json').write_text(json.dumps(
        {camera: camera_matrices(LOOKS[camera]) for camera in CAMERAS}))
    return root


def config_of(name, root, monkeypatch, num_frames=1):
    monkeypatch.setenv('SPARSE3D_OWN_DATA', str(root))
    config = load_config(name)
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.num_workers = 0
        for step in loader.dataset.pipeline:
            if step.type == 'LoadMultiViewImages':
                step.cameras = list(CAMERAS)
        loader.dataset.frames = dict(num_frames=num_frames, kind='past')
    if num_frames > 1:
        config.model.data_preprocessor.num_frames = num_frames
        config.model.bbox_head.decoder.num_frames = num_frames
    config.custom_hooks = []
    config.train_cfg.max_epochs = 1
    config.train_cfg.val_interval = 1
    return config


def check_is_silent(root):
    report = check_custom(root)
    assert report.ok, str(report)
    return str(report)


@pytest.mark.slow
@pytest.mark.parametrize('num_frames', [1, 2])
def test_cameras_alone_train_and_are_drawn_under_their_names(drive, tmp_path, monkeypatch,
                                                             num_frames):
    assert prepare_custom(drive).frames == dict(train=5, val=1)
    assert 'pictures alone' in check_is_silent(drive)
    config = config_of('sparsebev_custom_data', drive, monkeypatch, num_frames)
    config.model.bbox_head.update(num_queries=25, num_passes=2)
    config.param_scheduler = []
    result = train(config, tmp_path / 'run')
    assert result.epochs == 1 and 'boxes/mAP_3D_0.5' in result.metrics
    paths = visualize(config, result.checkpoint, tmp_path / 'pictures', frames=1)
    assert 'frame 3 \u00e4_bev.png' in {path.name for path in paths}  # the latest of scene 1


@pytest.mark.slow
def test_points_and_own_cameras_train_together(drive, tmp_path, monkeypatch):
    (drive / 'points').mkdir()
    random = np.random.default_rng(1)
    for path in (drive / 'boxes').glob('*.csv'):
        ground = random.uniform([-40, -40, -1.6, 0], [40, 40, -1.5, 1], (1500, 4))
        cars = [random.uniform([x - 1, y - .5, -1.4, 0], [x + 1, y + .5, -.2, 1], (60, 4))
                for x, y in ((12, 6), (-10, 1))]
        np.save(drive / f'points/{path.stem}.npy', np.concatenate([ground, *cars]))
    prepare_custom(drive)
    check_is_silent(drive)
    config = config_of('sparsefusion_custom_data', drive, monkeypatch)
    config.param_scheduler = []
    result = train(config, tmp_path / 'run')
    assert 'boxes/mAP_3D_0.5' in result.metrics and result.checkpoint is not None
