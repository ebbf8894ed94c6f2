"""Every config of the folder says what it means."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

import sparsefusion.register  # noqa: F401
from sparse3d.engine.load_config import load_config
from sparsefusion.published_names import ours

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


# The release's multipliers of rate and decay; the longest key that is part of a name counts.
SWIN = {'img_backbone': (0.1, 5), 'img_neck': (0.1, 1), 'absolute_pos_embed': (1, 0),
        'relative_position_bias_table': (1, 0), 'norm': (1, 0)}


def released_multipliers(name: str) -> tuple[float, float]:
    return next((SWIN[key] for key in sorted(SWIN, key=len, reverse=True) if key in name), (1, 1))


def test_swin_trains_at_the_released_rates_and_decays(golden_dir):
    config = load_config(FOLDER / 'sparsefusion_swint_nuscenes.py')
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    schedule = PARAM_SCHEDULERS.build(
        config.param_scheduler[0],
        default_args=dict(optimizer=wrapper, epoch_length=100, end=6))
    schedule.load_state_dict({**schedule.state_dict(), 'last_step': 239, '_global_step': 239})
    schedule.step()  # to the highest rate
    groups = {id(value): group for group in wrapper.param_groups for value in group['params']}
    listing = json.loads((golden_dir / 'sparsefusion/training/groups.json').read_text())
    released = {ours(name): name for name in listing['parameters'] if ours(name)}  # of the head
    kinds = set()
    for name, value in model.named_parameters():
        if value.requires_grad:
            theirs = released.get(name, name.replace('image_', 'img_', 1))
            rate, decay = released_multipliers(theirs)
            group = groups[id(value)]
            assert group['lr'] == pytest.approx(6e-4 * rate), name
            assert group['weight_decay'] == pytest.approx(0.01 * decay), name
            kinds.add((rate, decay))
    assert kinds == {(0.1, 5), (0.1, 1), (1, 0), (1, 1)}


def test_radii_of_suppression_are_the_roots_of_the_released_squares():
    released = [0.35] * 5 + [0.175, 0.1, -1, 0.1, 0.1]  # compared with squares of distances
    for path in sorted(FOLDER.glob('*r50*.py')):
        radii = load_config(path).model.bbox_head.detections.suppression.radii
        assert [round(radius ** 2, 3) if radius > 0 else radius for radius in radii] == (
            pytest.approx(released, abs=1e-3)), path
