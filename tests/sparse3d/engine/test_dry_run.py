"""A training that is only looked over: nothing is written, everything is tried."""
from __future__ import annotations

import pytest

from sparse3d.apis import load_config, train
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


def test_a_training_by_iterations_tells_them(tiny_config, tmp_path):
    config = load_config(tiny_config)
    config.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=2)
    config.param_scheduler = None
    ready = train(config, tmp_path, dry_run=True)
    assert str(ready).startswith('ready to train: 3 iterations; an epoch is 8 samples in 2 batches')
