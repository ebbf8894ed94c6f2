"""The schedules in a whole training, from a config."""
from __future__ import annotations

import pytest
import torch

from sparse3d.apis import load_config, train
from sparse3d.engine.training_log import read_training
from sparse3d.errors import CheckpointError, ConfigError

SCHEDULES = [
    dict(type='ExactOneCycleLR', by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', by_epoch=True, convert_to_iter_based=True)]


def config_of(path, epochs: int = 4, schedules=SCHEDULES, **options):
    config = load_config(path)
    config.param_scheduler = schedules
    config.train_cfg.max_epochs = epochs
    config.merge_from_dict(options)
    return config


def state(checkpoint) -> dict:
    return torch.load(checkpoint, map_location='cpu')


def test_as_long_as_the_training_and_resumed_to_the_same_weights(tiny_config, tmp_path):
    """No length in the schedules; a training stopped and resumed equals one in a piece."""
    for epochs, last in ((2, 0.25), (5, 0.067)):  # half a cosine at 2 of 3 and 5 of 6 iterations
        whole = train(config_of(tiny_config, epochs), tmp_path / f'{epochs}').checkpoint
        (group,) = state(whole)['optimizer']['param_groups']
        assert group['lr'] / 0.01 == pytest.approx(last, abs=1e-4)
        assert group['betas'][0] == pytest.approx(0.9 - (0.9 - 0.9 * 0.85 / 0.95) * last, abs=1e-4)
    resumed = train(config_of(tiny_config, 5), tmp_path / 'resumed',
                    resume=tmp_path / '5' / 'epoch_3.pth').checkpoint
    first, second = state(whole)['state_dict'], state(resumed)['state_dict']
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_schedules_of_a_checkpoint_have_to_be_those_of_the_config(tiny_config, tmp_path):
    before = train(load_config(tiny_config), tmp_path / 'before').checkpoint
    with pytest.raises(CheckpointError, match='with 1 schedules, this one has 2'):
        train(config_of(tiny_config, 6), tmp_path / 'after', resume=before)


def test_the_rate_is_scaled_with_the_batch(tiny_config, tmp_path):
    scaled = train(config_of(tiny_config, 2, **{'auto_scale_lr.base_batch_size': 16}),
                   tmp_path / 'scaled', auto_scale_lr=True).checkpoint
    by_hand = train(config_of(tiny_config, 2, **{'optim_wrapper.optimizer.lr': 0.01 / 4}),
                    tmp_path / 'by_hand').checkpoint
    first, second = state(scaled)['state_dict'], state(by_hand)['state_dict']
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize('dry_run', [True, False])
def test_a_cycle_that_would_undo_lr_mult_is_refused_at_the_start(tiny_config, tmp_path, dry_run):
    config = load_config(tiny_config)
    config.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(hidden=dict(lr_mult=0.1)))
    with pytest.raises(ConfigError, match='use ExactOneCycleLR'):
        train(config, tmp_path, dry_run=dry_run)
    assert not list(tmp_path.glob('*.pth'))


def test_the_base_rate_that_is_logged_is_scaled_with_those_of_the_groups(tiny_config, tmp_path):
    config = config_of(tiny_config, 2)
    config.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(hidden=dict(lr_mult=0.1)))
    train(config, tmp_path, batch_size=8, auto_scale_lr=True)
    rows = read_training(tmp_path).iterations
    assert rows and all(row['base_lr'] == pytest.approx(10 * row['lr']) for row in rows)
