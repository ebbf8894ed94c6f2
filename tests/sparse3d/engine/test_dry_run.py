"""A training that is only looked over: nothing is written, everything is tried."""
from __future__ import annotations

import pytest

from sparse3d.apis import load_config, train
from sparse3d.engine.training_log import read_training
from sparse3d.errors import ConfigError, DataError


def test_what_would_be_trained_is_told_and_nothing_is(tiny_config, tmp_path):
    ready = train(tiny_config, tmp_path, dry_run=True)
    assert (ready.epochs, ready.samples, ready.batches, ready.validation_samples) == (4, 8, 2, 4)
    assert ready.parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert str(ready).startswith('ready to train: 4 epochs of 8 samples in 2 batches')
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.parametrize('key, error', [
    ('train_dataloader.dataset.frames', DataError),      # nothing to train on
    ('val_dataloader.dataset.frames', DataError),        # nothing to validate on
    ('optim_wrapper.optimizer.type', ConfigError),
    ('val_dataloader.dataset.type', ConfigError),
    ('val_evaluator.type', ConfigError),
    ('param_scheduler.0.type', ConfigError),
])
def test_what_is_not_there_is_found_without_training(tiny_config, tmp_path, key, error):
    with pytest.raises(error):
        train(tiny_config, tmp_path, {key: 0 if key.endswith('frames') else 'Absent'},
              dry_run=True)


def test_a_training_with_mixed_precision_may_be_looked_over_where_there_is_no_gpu(
        tiny_config, tmp_path):
    assert train(tiny_config, tmp_path, {'optim_wrapper.type': 'AmpOptimWrapper'}, dry_run=True)


def two_groups(tiny_config):
    config = load_config(tiny_config)
    config.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(hidden=dict(lr_mult=0.1)))
    config.param_scheduler = [dict(type='ExactOneCycleLR', by_epoch=True,
                                   convert_to_iter_based=True)]
    return config


def test_rates_are_listed_at_start_peak_and_end(tiny_config, tmp_path):
    ready = train(two_groups(tiny_config), tmp_path, dry_run=True)
    assert [(rates.parameters, rates.first, rates.peak, rates.peak_iteration)
            for rates in ready.rates] == [
        (27, pytest.approx(0.001), pytest.approx(0.01), 3),
        (40, pytest.approx(0.0001), pytest.approx(0.001), 3)]
    assert 0 < ready.rates[0].last < 0.001 and ready.rates[0].weight_decay == 0.01
    assert ('lr 0.001 at the start, 0.01 at its peak (iteration 3), '
            in str(ready).splitlines()[1])


def test_looking_over_mixed_precision_keeps_rates_of_single_groups(tiny_config, tmp_path):
    config = two_groups(tiny_config)
    config.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    assert len(train(config, tmp_path, dry_run=True).rates) == 2


def test_the_listed_rates_are_those_in_force(tiny_config, tmp_path):
    ready = train(two_groups(tiny_config), tmp_path / 'look', dry_run=True)
    train(two_groups(tiny_config), tmp_path / 'run')
    logged = [row['lr'] for row in read_training(tmp_path / 'run').iterations]
    assert len(logged) == 8
    lowest = ready.rates[1]  # mmengine logs the rate of the first group
    assert (logged[0], max(logged), logged[-1]) == pytest.approx(
        (lowest.first, lowest.peak, lowest.last), rel=1e-12)


def test_a_training_by_iterations_tells_them(tiny_config, tmp_path):
    config = load_config(tiny_config)
    config.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=2)
    config.param_scheduler = None
    ready = train(config, tmp_path, dry_run=True)
    assert str(ready).startswith('ready to train: 3 iterations; an epoch is 8 samples in 2 batches')


def test_samples_that_are_not_packed_are_refused(tiny_config, tmp_path, monkeypatch):
    """A pipeline that ends early: the first step of the training ended in a KeyError."""
    import tiny_training
    plain = tiny_training.TinyFrames.__getitem__
    monkeypatch.setattr(tiny_training.TinyFrames, '__getitem__',
                        lambda self, index: dict(points=plain(self, index)['inputs']['points']))
    with pytest.raises(ConfigError, match=r'train_dataloader have no "inputs".*\(they have points'):
        train(tiny_config, tmp_path, dry_run=True)


def test_first_weights_by_a_table_are_drawn(tiny_config, tmp_path):
    config = load_config(tiny_config)
    config.released_weights, config.initial_weights = [['hidden.*', 'normal', 1.0]], 'released'
    with pytest.raises(ConfigError, match='no row for center.weight'):
        train(config, tmp_path, dry_run=True)
