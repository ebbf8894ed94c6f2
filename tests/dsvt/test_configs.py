"""Every config is read and its model built; the recipes say what was published."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from sparse3d.engine.load_config import load_config
from sparse3d.published import set_of

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'dsvt'
CONFIGS = sorted(FOLDER.glob('*.py'))


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda path: path.stem)
def config(request):
    return load_config(request.param)


def test_the_model_is_built(config):
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    size = model.voxel_encoder.grid
    assert list(model.middle_encoder.grids[0]) == size


def test_published_quirks_are_off(config):
    assert set_of(config.model) is None


def test_waymo_recipes():
    paths = [path for path in CONFIGS if '_waymo_' in path.stem and 'simulated' not in path.stem]
    assert len(paths) == 16
    for path in paths:
        _, kind, _, frames, epochs = path.stem.split('_')
        config = load_config(path)
        assert (len(config.model.middle_encoder.blocks) == 4) == (kind == 'voxel')
        frames, epochs = int(frames[0]), int(epochs[:-1])
        for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
            assert loader.dataset.pipeline[0].num_frames == frames
        assert config.model.voxel_encoder.in_channels == (5 if frames == 1 else 6)
        assert config.train_cfg.max_epochs == epochs
        assert config.optim_wrapper.optimizer.lr == (3e-3 if epochs == 24 else 1e-3)
        assert config.train_dataloader.dataset.load_interval == (1 if epochs == 24 else 5)
        assert config.custom_hooks[0].type == 'DisableAugmentationHook'
        assert config.sync_bn == 'torch'


def test_the_nuscenes_recipe():
    config = load_config(FOLDER / 'dsvt_pillar_nuscenes_20e.py')
    assert config.train_dataloader.dataset.type == 'ClassBalancedDataset'
    assert config.custom_hooks == [dict(type='DisableAugmentationHook', last_epochs=4)]
    for dataset in (config.train_dataloader.dataset.dataset, config.val_dataloader.dataset,
                    config.test_dataloader.dataset):
        assert dataset.pipeline[0].sweeps == 9
