"""Every config of the folder says what it means."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import sparsefusion  # noqa: F401
from sparse3d.apis.load_config import load_config

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'sparsefusion'


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.stem)
def test_a_model_and_a_schedule_can_be_built(path):
    config = load_config(path)
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    names = [name for name, _ in model.named_parameters()]
    for key in config.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {}):
        if key != 'absolute_pos_embed':  # Swin without absolute positions has none
            assert any(key in name for name in names), key
    epochs = config.train_cfg.max_epochs
    assert all(step.get('total_steps', epochs) == epochs or step.get('end', epochs) <= epochs
               for step in config.param_scheduler)


def test_the_published_settings_of_the_second_stage():
    config = load_config(FOLDER / 'sparsefusion_r50_nuscenes.py')
    assert config.model.freeze_lidar and config.train_cfg.max_epochs == 6
    assert config.train_dataloader.batch_size == 4
    assert config.optim_wrapper.clip_grad.max_norm == 0.1
    swin = load_config(FOLDER / 'sparsefusion_swint_nuscenes.py')
    keys = swin.optim_wrapper.paramwise_cfg.custom_keys
    assert keys['image_backbone'] == dict(lr_mult=0.1, decay_mult=5)
    assert keys['bbox_head.lidar_decoder'] == dict(lr_mult=0.1)
    rates = (config.optim_wrapper.optimizer.lr, swin.optim_wrapper.optimizer.lr)
    assert rates == (8e-4, 6e-4)
