"""Every config of the folder says what it means."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

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


def test_the_published_settings_of_the_first_stage():
    config = load_config(FOLDER / 'transfusion_l_nuscenes.py')
    assert config.optim_wrapper.optimizer.betas == (0.9, 0.999)
    for dataset in (config.train_dataloader.dataset.dataset, config.test_dataloader.dataset):
        assert dataset.pipeline[0].sweeps == 10
    rate, momentum = config.param_scheduler
    assert (rate.type, rate.div_factor, rate.final_div_factor) == ('ExactOneCycleLR', 10, 1e4)
    assert 0.9 * momentum.eta_min_ratio == pytest.approx(0.805, abs=5e-4)


def test_swin_gets_a_tenth_of_the_rate_in_force():
    """Of the image backbone and its pyramid; decay as published."""
    config = load_config(FOLDER / 'sparsefusion_swint_nuscenes.py')
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    schedule = PARAM_SCHEDULERS.build(
        config.param_scheduler[0],
        default_args=dict(optimizer=wrapper, epoch_length=100, end=6))
    schedule.load_state_dict({**schedule.state_dict(), 'last_step': 239, '_global_step': 239})
    schedule.step()
    group_of = {id(value): group for group in wrapper.param_groups for value in group['params']}
    for name, value in model.named_parameters():
        if value.requires_grad:
            images = name.startswith(('image_backbone.', 'image_neck.'))
            assert group_of[id(value)]['lr'] == pytest.approx(6e-5 if images else 6e-4), name
