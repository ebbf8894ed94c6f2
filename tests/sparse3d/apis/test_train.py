"""The whole of a tiny training, and every way to refuse one at the start."""
from __future__ import annotations

import sys

import pytest
import torch

from sparse3d.apis import load_config, test, train
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.errors import CheckpointError, ConfigError, DataError

EPOCHS = {'train_cfg.max_epochs': 2, 'param_scheduler.0.total_steps': 2}


def weights(path):
    return torch.load(path, map_location='cpu')['state_dict']


def test_trains_validates_and_can_be_tested(tiny_config, tmp_path, capsys):
    result = train(tiny_config, tmp_path, EPOCHS)
    assert result.epochs == 2 and result.checkpoint == tmp_path / 'epoch_2.pth'
    assert result.metrics['frames'] == 4
    printed = capsys.readouterr().out
    assert 'Validation before training works: 4 frames' in printed
    assert 'epoch 2/2' in printed and 'left' in printed
    assert 'System environment' not in printed          # that is in the log file
    metrics = test(tiny_config, result.checkpoint, tmp_path / 'test')
    assert metrics['distance'] == pytest.approx(result.metrics['distance'], rel=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny_config, tmp_path):
    options = {**EPOCHS, 'model.dropout': 0.3, 'train_dataloader.dataset.jitter': 0.5}
    first, second, other = (
        weights(train(tiny_config, tmp_path / name, options, seed=seed).checkpoint)
        for name, seed in (('first', 1), ('second', 1), ('other', 2)))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize('batches', [None, 1])
def test_validation_before_training_changes_nothing(tiny_config, tmp_path, batches):
    options = {**EPOCHS, 'model.dropout': 0.3, 'train_dataloader.dataset.jitter': 0.5}
    without = train(tiny_config, tmp_path / 'a', {
        **options, 'default_hooks.validate_first': None})
    with_it = train(tiny_config, tmp_path / 'b', {
        **options, 'default_hooks.validate_first.max_batches': batches})
    first, second = weights(without.checkpoint), weights(with_it.checkpoint)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_evaluation_that_cannot_work_fails_before_the_first_iteration(tiny_config, tmp_path):
    with pytest.raises(RuntimeError, match='cannot evaluate'):
        train(tiny_config, tmp_path, {'val_evaluator.broken': True})
    assert not list(tmp_path.glob('*.pth'))


def test_the_learning_rate_follows_the_batch_size_in_schedules_too(tiny_config, tmp_path, capsys):
    options = {**EPOCHS, 'auto_scale_lr.base_batch_size': 16}  # the batch size is 4
    scaled = train(tiny_config, tmp_path / 'a', options, auto_scale_lr=True)
    printed = capsys.readouterr().out
    assert ('learning rate is scaled by 0.25 to 0.0025, for steps of 4 samples (4 samples) '
            'instead of 16' in printed)
    assert printed.count('scaled by') == 1
    by_hand = train(tiny_config, tmp_path / 'b', {
        **options, 'optim_wrapper.optimizer.lr': 0.01 / 4, 'param_scheduler.0.eta_max': 0.01 / 4})
    first, second = weights(scaled.checkpoint), weights(by_hand.checkpoint)
    assert all(torch.equal(first[name], second[name]) for name in first)


def gradients(monkeypatch):
    """Of every step, as the optimizer gets them."""
    kept = []
    step = torch.optim.AdamW.step

    def keep(self, *arguments, **options):
        kept.append([value.grad.clone() for group in self.param_groups
                     for value in group['params']])
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, 'step', keep)
    return kept


def test_accumulated_batches_give_the_gradient_of_one_large_batch(
        tiny_config, tmp_path, monkeypatch, capsys, recwarn):
    options = {'train_cfg.max_epochs': 1, 'train_dataloader.sampler.shuffle': False,
               'optim_wrapper.clip_grad': None}
    seen = gradients(monkeypatch)
    train(tiny_config, tmp_path / 'a', options, batch_size=8)
    train(tiny_config, tmp_path / 'b', options, batch_size=2, accumulate=4)
    large, small = seen
    for one, other in zip(large, small, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-7)
    assert capsys.readouterr().out.count(
        'meant for steps of 4 samples; here a step has 8 (2 samples x 4 batches accumulated): '
        '--auto-scale-lr scales it by 2') == 1
    assert not [warning for warning in recwarn if 'optimizer.step()' in str(warning.message)]


def test_accumulated_batches_count_when_the_rate_is_scaled(tiny_config, tmp_path):
    ready = train(tiny_config, tmp_path, batch_size=2, accumulate=8, auto_scale_lr=True,
                  dry_run=True)
    assert ready.rates[0].peak == pytest.approx(0.04, rel=1e-2)


@pytest.mark.parametrize('asked, sentence', [
    (dict(batch_size=0), '--batch-size is a whole number from 1, not 0'),
    (dict(workers=-1), '--workers is a whole number from 0, not -1'),
    (dict(accumulate=0), '--accumulate is a whole number from 1, not 0'),
])
def test_numbers_of_batches_that_cannot_be_meant(tiny_config, tmp_path, asked, sentence):
    with pytest.raises(ConfigError, match=sentence):
        train(tiny_config, tmp_path, **asked)


def test_a_checkpoint_of_another_model_is_refused_before_training(tiny_config, tmp_path):
    other = train(tiny_config, tmp_path / 'other', {**EPOCHS, 'model.width': 5}).checkpoint
    options = {**EPOCHS, 'load_from': str(other)}
    with pytest.raises(CheckpointError, match='hidden.weight'):
        train(tiny_config, tmp_path / 'a', options)
    with pytest.raises(CheckpointError, match='hidden.weight'):
        train(tiny_config, tmp_path / 'a', EPOCHS, resume=other, allow_partial=True)
    with pytest.raises(CheckpointError, match='hidden.weight'):
        test(tiny_config, other, tmp_path / 'a')


def test_weights_alone_cannot_be_resumed(tiny_config, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(weights(train(tiny_config, tmp_path, EPOCHS).checkpoint), path)
    with pytest.raises(CheckpointError, match='no state of a training to resume'):
        train(tiny_config, tmp_path, EPOCHS, resume=path)


@pytest.mark.parametrize('options, arguments, sentence', [
    ({'model.type': 'TinyDetectr'}, {}, "did you mean 'TinyDetector'"),
    ({'train_dataloader.dataset.type': 'TinyFrame'}, {}, "did you mean 'TinyFrames'"),
    ({'optim_wrapper': None}, {}, 'it has no optim_wrapper'),
    ({'auto_scale_lr': None}, {'auto_scale_lr': True}, 'base_batch_size'),
    ({'auto_scale_lr.base_batch_size': None}, {'auto_scale_lr': True}, 'needs auto_scale_lr.base'),
    ({'auto_scale_lr.enable': True, 'auto_scale_lr.base_batch_size': None}, {},
     'needs auto_scale_lr.base_batch_size'),
    ({'auto_scale_lr.base_batch_size': -4}, {'auto_scale_lr': True}, 'is -4; .*from 1'),
    ({'resume': True}, {'overwrite': True}, '--overwrite begins anew and resume=True'),
    ({}, {'launcher': 'pytorch'}, 'dist_train.sh'),
    ({}, {'launcher': 'teleport'}, "'teleport' is none of"),
])
def test_a_config_that_cannot_train(tiny_config, tmp_path, options, arguments, sentence):
    config = load_config(tiny_config)
    config.merge_from_dict({key: value for key, value in options.items() if '.' in key})
    config.update({key: value for key, value in options.items() if '.' not in key})
    with pytest.raises(ConfigError, match=sentence):
        train(config, tmp_path, **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without a GPU')
def test_mixed_precision_without_a_gpu_is_refused(tiny_config, tmp_path):
    with pytest.raises(ConfigError, match='needs a GPU'):
        train(tiny_config, tmp_path, amp=True)


def test_a_disk_that_is_full_leaves_the_last_checkpoint(tiny_config, tmp_path, monkeypatch):
    import errno
    import os
    replace = os.replace

    def full(source, target):
        if str(target).endswith('epoch_2.pth'):
            raise OSError(errno.ENOSPC, 'No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full)
    options = {'default_hooks.checkpoint.max_keep_ckpts': 1}
    with pytest.raises(DataError, match=r'epoch_2.pth could not be written: No space left'):
        train(tiny_config, tmp_path, options)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    assert not list(tmp_path.glob('.*tmp'))
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(tiny_config.parent))
    result = train(tiny_config, tmp_path, options, resume='auto')
    assert result.epochs == 4 and [p.name for p in tmp_path.glob('*.pth')] == ['epoch_4.pth']


def test_resume_without_a_checkpoint_starts(tiny_config, tmp_path):
    assert train(tiny_config, tmp_path, EPOCHS, resume='auto').epochs == 2


def test_resume_without_a_checkpoint_starts_from_the_weights_that_the_config_names(
        tiny_config, tmp_path):
    other = train(tiny_config, tmp_path / 'other', {**EPOCHS, 'model.width': 5}).checkpoint
    with pytest.raises(CheckpointError, match='hidden.weight'):  # they are looked at
        train(tiny_config, tmp_path / 'a', {**EPOCHS, 'load_from': str(other)}, resume='auto')


def test_curves_go_to_tensorboard(tiny_config, tmp_path):
    train(tiny_config, tmp_path, EPOCHS, log_to=['tensorboard'])
    assert list(tmp_path.rglob('events.out.tfevents.*'))


def test_a_place_for_curves_that_is_not_installed_is_named(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules['sparse3d.apis.train'], 'find_spec', lambda package: None)
    with pytest.raises(ConfigError, match='pip install wandb'):
        train(tiny_config, tmp_path, log_to=['wandb'])
    with pytest.raises(ConfigError, match='tensorboard or wandb'):
        train(tiny_config, tmp_path, log_to=['paper'])


@pytest.fixture
def converted(tmp_path):
    """Weights of width 3, which a checkpoint's option says; the config's 8 would not fit."""
    model = {'hidden.weight': torch.zeros(3, 4), 'hidden.bias': torch.ones(3),
             'center.weight': torch.zeros(3, 3), 'center.bias': torch.zeros(3)}
    path = tmp_path / 'converted.pth'
    meta = dict(config_options={'model.published': {'width': 3}})
    torch.save(dict(meta=meta, state_dict=model), path)
    return path


def test_a_training_from_a_converted_checkpoint_keeps_its_options(
        tiny_config, tmp_path, converted, capsys):
    start = {**EPOCHS, 'load_from': str(converted)}
    assert train(tiny_config, tmp_path / 'look', start, dry_run=True).epochs == 2
    result = train(tiny_config, tmp_path / 'tuned', start)
    assert "converted.pth are kept: model.published={'width': 3}" in capsys.readouterr().out
    tuned = open_checkpoint(result.checkpoint)
    assert tuned.options == {'model.published': {'width': 3}}
    assert tuned.weights['hidden.weight'].shape == (3, 4)
    assert test(tiny_config, result.checkpoint, tmp_path / 'test')['frames'] == 4
    resumed = train(tiny_config, tmp_path / 'tuned', EPOCHS,
                    resume=tmp_path / 'tuned' / 'epoch_1.pth')
    assert resumed.epochs == 2
    assert open_checkpoint(resumed.checkpoint).options == {'model.published': {'width': 3}}


def test_options_of_the_command_line_go_over_those_of_the_checkpoint(
        tiny_config, tmp_path, converted):
    start = {**EPOCHS, 'load_from': str(converted), 'model.published.width': None,
             'model.width': 3}
    result = train(tiny_config, tmp_path / 'tuned', start)
    assert open_checkpoint(result.checkpoint).options == {}


def test_a_checkpoint_is_read_once(tiny_config, tmp_path, converted, monkeypatch):
    from sparse3d.compat import checkpoint_loading
    read, real = [], checkpoint_loading.torch.load
    monkeypatch.setattr(checkpoint_loading.torch, 'load',
                        lambda file, **options: read.append(str(file)) or real(file, **options))
    test(tiny_config, converted, tmp_path / 'test')
    assert read == [str(converted)]
    read.clear()
    train(tiny_config, tmp_path / 'tuned', {**EPOCHS, 'load_from': str(converted)})
    assert read == [str(converted)]


def test_options_of_another_model_are_refused_before_training(tiny_config, tmp_path):
    path = tmp_path / 'other.pth'
    meta = dict(config_options={'model.published': {'corners': True}})
    torch.save(dict(meta=meta, state_dict={'a': torch.ones(1)}), path)
    for verb in (lambda: train(tiny_config, tmp_path / 'a', {**EPOCHS, 'load_from': str(path)}),
                 lambda: test(tiny_config, path, tmp_path / 'b')):
        with pytest.raises(CheckpointError, match='needs model.published, which the model of'):
            verb()


def test_options_of_other_data_are_left_out_and_said(tiny_config, tmp_path, converted, caplog):
    content = torch.load(converted)
    content['meta']['config_options']['model.published']['future'] = True
    torch.save(content, converted)
    result = train(tiny_config, tmp_path / 'a', {**EPOCHS, 'load_from': str(converted)})
    assert 'no place for it: test_dataloader.dataset.frames.future' in caplog.text
    kept = open_checkpoint(result.checkpoint).options  # for who has such data
    assert kept == {'model.published': {'width': 3, 'future': True}}


@pytest.mark.parametrize('resume', [False, True])
def test_a_training_from_a_hostile_checkpoint_runs_nothing(
        tiny_config, tmp_path, converted, resume):
    content = torch.load(converted)
    content['meta']['config_options'] = {'model': {
        '_delete_': True, 'type': 'os.mkdir', 'path': str(tmp_path / 'touched')}}
    torch.save(content, converted)
    options = EPOCHS if resume else {**EPOCHS, 'load_from': str(converted)}
    with pytest.raises(CheckpointError, match="sets the config key 'model._delete_'"):
        train(tiny_config, tmp_path / 'a', options, resume=converted if resume else None)
    assert not (tmp_path / 'touched').exists()


def test_an_empty_test_set_is_told(tiny_config, tmp_path):
    checkpoint = train(tiny_config, tmp_path, EPOCHS).checkpoint
    with pytest.raises(DataError, match='nothing to test on: the test set has 0 samples'):
        test(tiny_config, checkpoint, tmp_path / 'test', {'test_dataloader.dataset.frames': 0})


@pytest.mark.parametrize('key, sets', [
    ('load_from', False), ('param_scheduler', True), ('param_scheduler.0', True),
    ('param_scheduler.0.total_steps', True), ('param_scheduler.0.eta_max', False)])
def test_which_options_say_how_long_a_schedule_is(key, sets):
    """``load_from`` beside ``train_cfg.max_epochs`` once ended in a trace."""
    assert sys.modules['sparse3d.apis.train']._sets_a_length(key) == sets


RANDOM = {'model.dropout': 0.3, 'train_dataloader.dataset.jitter': 0.5,
          'default_hooks.checkpoint.max_keep_ckpts': -1, 'default_hooks.validate_first': None}


def test_a_resumed_training_keeps_the_seed_that_it_began_with(tiny_config, tmp_path):
    whole = train(tiny_config, tmp_path / 'a', RANDOM, seed=5)
    middle = tmp_path / 'a/epoch_2.pth'
    resumed = train(tiny_config, tmp_path / 'b', RANDOM, resume=middle)
    first, second = weights(whole.checkpoint), weights(resumed.checkpoint)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for options, seed in ((RANDOM, 7), ({**RANDOM, 'randomness.seed': 7}, None)):
        with pytest.raises(ConfigError, match='epoch_2.pth began with the seed 5, not 7'):
            train(tiny_config, tmp_path / 'c', options, resume=middle, seed=seed)


def test_a_training_is_resumed_from_an_address(tiny_config, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setitem(train.__globals__, 'open_checkpoint', asked.append)
    train(tiny_config, tmp_path, resume='s3://bucket/epoch_2.pth', dry_run=True)
    assert asked == ['s3://bucket/epoch_2.pth']


def test_a_rate_for_each_group_is_scaled(tiny_config, tmp_path):
    peaks = []
    for rate in (0.01, [0.01], 0.005):
        config = load_config(tiny_config)
        config.param_scheduler[0].eta_max = rate
        ready = train(config, tmp_path, batch_size=8, auto_scale_lr=True, dry_run=True)
        peaks.append(ready.rates[0].peak)
    assert peaks[0] == peaks[1] > 1.5 * peaks[2]


def test_a_batch_that_takes_more_samples_than_there_are_is_told(tiny_config, tmp_path):
    with pytest.raises(DataError, match='set has 8 samples, a batch of each process takes 100, '
                                        'and an incomplete one is dropped .*--batch-size'):
        train(tiny_config, tmp_path, {'train_dataloader.drop_last': True}, batch_size=100)


def test_a_wrapper_of_the_optimizer_without_a_type_is_the_plain_one(tiny_config, tmp_path):
    config = load_config(tiny_config)
    del config.optim_wrapper['type']
    assert train(config, tmp_path, dry_run=True).epochs == 4
    assert train(config, tmp_path, amp=True, dry_run=True).epochs == 4


def test_a_step_of_more_batches_than_there_are_is_refused(tiny_config, tmp_path):
    train(tiny_config, tmp_path, accumulate=8, dry_run=True)
    with pytest.raises(ConfigError, match='takes 9 batches .*the whole training has 8: give fewer'):
        train(tiny_config, tmp_path, accumulate=9, dry_run=True)


def test_a_training_that_counts_iterations_says_how_many(tiny_config, tmp_path):
    config = load_config(tiny_config)
    config.train_cfg = dict(by_epoch=False, max_iters=6, val_interval=3)
    config.param_scheduler = None
    config.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    result = train(config, tmp_path)
    assert str(result) == f'trained 6 iterations; checkpoint: {tmp_path / "iter_6.pth"}'
