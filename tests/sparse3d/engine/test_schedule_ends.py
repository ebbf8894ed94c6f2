"""Schedules end where the training ends, or the training does not begin."""
from __future__ import annotations

import logging
from pathlib import Path

import pytest
from mmengine.config import Config

from sparse3d.apis import load_config, train
from sparse3d.engine.schedule_ends import check_ends, check_iterations, lasting
from sparse3d.errors import CheckpointError, ConfigError

ROOT = Path(__file__).resolve().parents[3]
EPOCHS = dict(max_epochs=20)
CYCLE = dict(type='OneCycleLR', eta_max=1e-3, total_steps=20, convert_to_iter_based=True)
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=500)
RISE = dict(type='CosineAnnealingMomentum', T_max=8, begin=0, end=8, convert_to_iter_based=True)
FALL = dict(type='CosineAnnealingMomentum', T_max=12, begin=8, end=20, convert_to_iter_based=True)


@pytest.mark.parametrize('schedules', [
    [CYCLE], CYCLE, [CYCLE, RISE, FALL], {'model': [CYCLE], 'other': [RISE, FALL]}, [], None,
    [WARM_UP], [WARM_UP, dict(type='CosineAnnealingLR', T_max=20, begin=0, end=20)],
    [dict(type='CosineAnnealingLR')], [dict(type='OneCycleLR', eta_max=1e-3)],
    [dict(type='CosineAnnealingLR', T_max=20)], [dict(type='MultiStepLR', milestones=[12, 16])],
    [dict(type='LinearLR', begin=0, end=2), dict(type='ExponentialLR', gamma=0.9, begin=2)],
    [dict(type='LinearLR', begin=0, end=2)], [dict(type='OurOwnCycle', highest=1e-3)]])
def test_what_ends_with_the_training_passes(schedules):
    check_ends(schedules, EPOCHS)


@pytest.mark.parametrize('schedules, end', [
    ([{**CYCLE, 'total_steps': 6}], 6), ([{**CYCLE, 'total_steps': 40}], 40),
    ([CYCLE, RISE], 8), ([CYCLE, RISE, {**FALL, 'T_max': 22, 'end': 30}], 30),
    ([dict(type='CosineAnnealingLR', T_max=24)], 24),
    ([WARM_UP, dict(type='CosineAnnealingLR', T_max=12, begin=0, end=12)], 12),
    ([dict(type='MultiStepLR', milestones=[16, 22])], 22),
    ([dict(type='MultiStepLR', milestones=[8, 11], begin=0, end=12)], 12),
    ([dict(type='PolyLR', begin=0, end=10)], 10),
    ([dict(type='CosineRestartLR', periods=[5, 10])], 15),
    ({'model': [CYCLE], 'other': [{**CYCLE, 'total_steps': 6}]}, 6)])
def test_what_ends_early_or_late_is_refused_with_the_remedy(schedules, end):
    with pytest.raises(ConfigError, match=rf'ends at {end} epochs .* at 20 .*--epochs 20 stretch'):
        check_ends(schedules, EPOCHS)


def test_iterations_of_a_training_by_iterations():
    cosine = dict(type='CosineAnnealingLR', T_max=900, by_epoch=False)
    check_ends([cosine], dict(type='IterBasedTrainLoop', max_iters=900))
    with pytest.raises(ConfigError, match='ends at 900 iterations .* at 1000'):
        check_ends([cosine], dict(type='IterBasedTrainLoop', max_iters=1000))


@pytest.mark.parametrize('schedule, good', [
    (dict(type='CosineAnnealingLR', T_max=1000, end=1000), True),
    (dict(type='CosineAnnealingLR', T_max=960, end=960), True),  # within an epoch
    (dict(type='CosineAnnealingLR', T_max=900, end=900), False),
    (dict(type='OneCycleLR', total_steps=1000), True),
    (dict(type='OneCycleLR', total_steps=999), False),  # mmengine raises at its end
    (dict(type='LinearLR', end=5000), True)])
def test_iterations_of_a_training_by_epochs(schedule, good):
    schedules = [dict(schedule, by_epoch=False)]
    if good:
        check_iterations(schedules, epochs=20, epoch_length=50)
    else:
        with pytest.raises(ConfigError, match='iterations'):
            check_iterations(schedules, epochs=20, epoch_length=50)


CONFIGS = sorted((ROOT / 'configs').glob('[!_]*/*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_schedules_of_every_config_end_with_the_training(path):
    config = Config.fromfile(path, import_custom_modules=False)
    check_ends(config.param_scheduler, config.train_cfg)


def test_a_schedule_that_lasts_no_step_is_left_out():
    log = logging.getLogger('test')
    rise, fall = dict(RISE, T_max=0.4, end=0.4), dict(FALL, T_max=0.6, begin=0.4, end=1)
    assert lasting([rise, fall], 2, log) == [fall]
    assert lasting([rise, fall], 10, log) == [rise, fall]
    assert lasting({'part': [rise]}, 1, log) == {'part': []}
    assert lasting(CYCLE, 1, log) == CYCLE


@pytest.mark.parametrize('dry_run', [False, True])
@pytest.mark.parametrize('steps', [2, 98])
def test_a_training_that_would_die_or_stop_short_does_not_begin(
        tiny_config, tmp_path, steps, dry_run):
    with pytest.raises(ConfigError, match='--epochs 4'):
        train(tiny_config, tmp_path, {'param_scheduler.0.total_steps': steps}, dry_run=dry_run)
    assert list(tmp_path.glob('*.pth')) == []


@pytest.mark.parametrize('options', [{}, {'train_dataloader.batch_size': 2}])
def test_a_resume_with_another_length_is_refused(tiny_config, tmp_path, options):
    train(tiny_config, tmp_path, epochs=2)
    with pytest.raises(CheckpointError, match=r'has end 4, here it has 8.*load_from='):
        train(tiny_config, tmp_path, options, resume='auto', dry_run=True,
              epochs=2 if options else 4)


@pytest.mark.parametrize('change, told', [
    (dict(milestones=[3]), r'has milestones \[2, 3\], here it has \[3\]'),
    (dict(gamma=0.5), 'has gamma 0.1, here it has 0.5')])
def test_a_resume_with_other_steps_is_refused(tiny_config, tmp_path, change, told):
    config = load_config(tiny_config)
    steps = dict(type='MultiStepLR', milestones=[2, 3])
    config.param_scheduler = [steps]
    train(config, tmp_path)
    config.param_scheduler = [{**steps, **change}]
    with pytest.raises(CheckpointError, match=told):
        train(config, tmp_path, resume='auto', dry_run=True)


def test_ten_steps_with_a_tenth_rising_train(tiny_config, tmp_path):
    result = train(tiny_config, tmp_path, {
        'param_scheduler.0.pct_start': 0.1, 'param_scheduler.0.total_steps': 5,
        'train_cfg.max_epochs': 5})
    assert result.epochs == 5  # of two steps each


@pytest.mark.parametrize('schedule, key', [
    (dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=500), '0.end'),
    (dict(type='ExactWarmUpCosineLR', warmup_steps=500, by_epoch=True,
          convert_to_iter_based=True), '0.warmup_steps')])
def test_a_warm_up_longer_than_the_training_is_told(tiny_config, tmp_path, capsys, schedule, key):
    config = load_config(tiny_config)
    config.param_scheduler = [schedule]
    train(config, tmp_path, epochs=1, dry_run=True)
    said = ' '.join(capsys.readouterr())
    assert 'takes 500 iterations, the training 2: ' in said
    assert f'set param_scheduler.{key} for' in said
    schedule[key.partition('.')[2]] = 2
    config.param_scheduler = [schedule]
    train(config, tmp_path, epochs=1, dry_run=True)
    assert 'the warm-up of' not in ' '.join(capsys.readouterr())
