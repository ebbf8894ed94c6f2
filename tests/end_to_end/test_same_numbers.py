"""The same seed gives the same weights, bit by bit; so does a training resumed at its middle."""
from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sparse3d.apis import load_config, train
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.simulate import KittiOptions, simulate_kitti
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo

STEPS = 20
PLAIN = {'default_hooks.validate_first': None, 'train_cfg.val_interval': 1000,
         'train_dataloader.batch_size': 1, 'train_dataloader.num_workers': 0}
SMALL_VOXELKP = {'model.middle_encoder.channels': (8, 8, 16, 16),
                 'model.neck.in_channels': [16, 16], 'model.neck.out_channels': 16,
                 'model.bbox_head.in_channels': 16}
SYSTEMS = {  # config, whose drive, options
    'focalsconv': ('focalsconv_centerpoint_simulated_kitti_car', 'kitti', {}),
    'dsvt': ('dsvt_simulated_waymo', 'waymo', {}),
    'voxelkp': ('voxelkp_simulated_waymo', 'waymo', SMALL_VOXELKP),
    'sparsebev': ('sparsebev_simulated_nuscenes', 'nuscenes', {}),
    'sparsefusion': ('sparsefusion_simulated_nuscenes', 'nuscenes', {}),
}


def make_kitti(root: Path) -> Path:
    simulate_kitti(root, 6, options=KittiOptions(frames_per_drive=2, azimuths=400),
                   val_fraction=1 / 3)
    prepare_kitti(root, root)
    return root


def make_nuscenes(root: Path) -> Path:
    options = NuScenesOptions(seconds=1, image_width=160, camera_rate=2, lidar_rate=4,
                              azimuths=200)
    simulate_nuscenes(root, 2, seed=3, options=options, show_progress=False)
    prepare_nuscenes(root, workers=1)
    return root


def make_waymo(root: Path) -> Path:
    simulate_waymo(root, 2, options=WaymoOptions(seconds=.4, columns=400, image_width=0))
    prepare_waymo(root, workers=1, keep_no_label_zones=True)
    return root / 'kitti_format'


DRIVES: dict[str, Callable[[Path], Path]] = dict(
    kitti=make_kitti, nuscenes=make_nuscenes, waymo=make_waymo)


@pytest.fixture(scope='module')
def drive(tmp_path_factory) -> Callable[[str], Path]:
    """Function that gives the simulated drive of a data set, made once."""
    made: dict[str, Path] = {}

    def give(dataset: str) -> Path:
        if dataset not in made:
            made[dataset] = DRIVES[dataset](tmp_path_factory.mktemp(dataset) / 'drive')
        return made[dataset]
    return give


def with_averages(config: str | Path, options: dict) -> object:
    """The config with averaged weights beside all that it has."""
    config = load_config(config, options)
    config.custom_hooks = [*(config.get('custom_hooks') or ()), dict(type='EMAHook')]
    return config


def state(path: Path) -> dict[str, torch.Tensor]:
    """Weights, their averages and the optimizer's memory."""
    content = torch.load(path, map_location='cpu', weights_only=True)
    kept = dict(content['state_dict'])
    kept.update({f'average {name}': value for name, value in content['ema_state_dict'].items()})
    for number, entry in content['optimizer']['state'].items():
        kept.update({f'optimizer {number} {name}': value for name, value in entry.items()})
    return kept


def assert_same(first: Path, second: Path) -> None:
    one, other = state(first), state(second)
    assert set(one) == set(other) and any(name.startswith('average') for name in one)
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert different == []


def twice_and_resumed(config: Callable[[], object], epochs: int, folder: Path) -> None:
    """Train twice, and go on from the middle of the first."""
    first = train(config(), folder / 'first', epochs=epochs)
    second = train(config(), folder / 'second', epochs=epochs)
    assert_same(first.checkpoint, second.checkpoint)
    middle = folder / 'first' / f'epoch_{epochs // 2}.pth'
    (folder / 'resumed').mkdir()
    resumed = train(config(), folder / 'resumed', resume=middle, epochs=epochs)
    assert torch.load(middle, weights_only=True)['meta']['iter'] >= STEPS // 2
    assert_same(first.checkpoint, resumed.checkpoint)
    started = state(middle)
    assert any(not torch.equal(value, started[name]) for name, value in
               state(first.checkpoint).items())


def test_twenty_steps_of_a_tiny_training(tiny_config, tmp_path):
    """Order of samples, augmentation and dropout are random; averages are kept."""
    options = {**PLAIN, 'model.dropout': 0.5, 'train_dataloader.dataset.jitter': 1.0,
               'train_dataloader.dataset.frames': 5,
               'default_hooks.checkpoint.max_keep_ckpts': -1}
    twice_and_resumed(lambda: with_averages(tiny_config, options), 4, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('system', SYSTEMS)
def test_twenty_steps_of(system, drive, tmp_path, monkeypatch, one_thread):
    config, dataset, options = SYSTEMS[system]
    monkeypatch.setenv(f'SPARSE3D_SIMULATED_{dataset.upper()}', str(drive(dataset)))
    ready = train(load_config(config, {**PLAIN, **options}), tmp_path / 'look', dry_run=True)
    epochs = 2 * math.ceil(STEPS / 2 / ready.batches)
    options = {**PLAIN, **options,
               'default_hooks.checkpoint.interval': max(1, epochs // 2)}
    twice_and_resumed(lambda: with_averages(config, options), epochs, tmp_path)
