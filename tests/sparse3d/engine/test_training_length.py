"""A number of epochs stretches all that is told in epochs, and heights stay."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict

from sparse3d.apis import train
from sparse3d.engine.schedule_ends import check_ends
from sparse3d.engine.training_length import stretch_training
from sparse3d.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = sorted((ROOT / 'configs').glob('[!_]*/*.py'))


def made(schedules, epochs=20, **parts):
    return Config(dict(train_cfg=dict(max_epochs=epochs, val_interval=5),
                       param_scheduler=schedules, **parts))


def cycle(epochs, rising, convert=True):
    return [
        dict(type='OneCycleLR', eta_max=1e-3, total_steps=epochs, convert_to_iter_based=convert),
        dict(type='CosineAnnealingMomentum', T_max=rising, begin=0, end=rising,
             convert_to_iter_based=convert),
        dict(type='CosineAnnealingMomentum', T_max=epochs - rising, begin=rising, end=epochs,
             convert_to_iter_based=convert)]


def _rounded(schedule):
    return {key: round(value, 9) if isinstance(value, float) else value
            for key, value in schedule.items()}


@pytest.mark.parametrize('epochs, rising', [(40, 16), (10, 4), (7, 2.8), (1, 0.4)])
def test_a_cycle_of_rate_and_momentum(epochs, rising):
    config = made(cycle(20, 8))
    told = stretch_training(config, epochs)
    found = [dict(item) for item in config.param_scheduler]
    assert [_rounded(item) for item in found] == [_rounded(item) for item in cycle(epochs, rising)]
    check_ends(config.param_scheduler, config.train_cfg)
    assert f'takes {epochs} epochs, in the config 20' in told
    assert 'learning rate and momentum' in told and 'highest rate stays' in told


def test_whole_epochs_where_a_schedule_is_not_converted():
    config = made(cycle(20, 8, convert=False))
    stretch_training(config, 7)
    assert [item.get('end') for item in config.param_scheduler] == [None, 3, 7]
    assert [item.get('T_max') for item in config.param_scheduler] == [None, 3, 4]


def test_warm_ups_that_count_iterations_stay():
    warm_up = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=500)
    config = made([warm_up, dict(type='CosineAnnealingLR', T_max=24, begin=0, end=24)], 24)
    stretch_training(config, 36)
    assert dict(config.param_scheduler[0]) == warm_up
    assert config.param_scheduler[1].T_max == config.param_scheduler[1].end == 36


def test_schedules_that_count_iterations_of_the_whole_training():
    warm_up = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=500)
    config = made([warm_up, dict(type='CosineAnnealingLR', T_max=1500, by_epoch=False, begin=500,
                                 end=2000)])
    stretch_training(config, 40)
    assert dict(config.param_scheduler[1], type=0) == dict(
        type=0, T_max=3500, by_epoch=False, begin=500, end=4000)


def test_milestones_and_periods():
    config = made([dict(type='MultiStepLR', milestones=[16, 19], gamma=0.1),
                   dict(type='CosineRestartMomentum', periods=[5, 15], eta_min=0)])
    stretch_training(config, 40)
    assert config.param_scheduler[0].milestones == [32, 38]
    assert config.param_scheduler[1].periods == [10, 30]


@pytest.mark.parametrize('epochs, milestones, periods, weights', [
    (1, [], [1], [1]), (2, [1, 1], [1, 1], [1, 0.25]), (4, [3, 3], [1, 1, 1, 1], [1, .5, .25, .1]),
    (12, [10, 11], [3, 3, 3, 3], [1, .5, .25, .1])])
def test_few_epochs_have_the_steps_that_they_have_room_for(epochs, milestones, periods, weights):
    config = made([dict(type='MultiStepLR', milestones=[16, 19], gamma=0.1),
                   dict(type='CosineRestartLR', periods=[5, 5, 5, 5], eta_min=0,
                        restart_weights=[1, .5, .25, .1])])
    stretch_training(config, epochs)
    assert config.param_scheduler[0].milestones == milestones
    assert config.param_scheduler[1].periods == periods
    assert config.param_scheduler[1].restart_weights == weights
    check_ends(config.param_scheduler, config.train_cfg)


def test_a_schedule_that_did_not_fit_is_stretched_to_the_training():
    config = made(cycle(6, 2), epochs=20)
    assert stretch_training(config, 20)
    check_ends(config.param_scheduler, config.train_cfg)
    assert config.param_scheduler[0].total_steps == 20


def test_validation_fade_out_switches_and_averages():
    config = made(
        cycle(20, 8),
        default_hooks=dict(fade=dict(type='DisableAugmentationHook', last_epochs=5), off=None),
        custom_hooks=[
            dict(type='DisableObjectSampleHook', disable_after_epoch=15),
            dict(type='EMAHook', begin_epoch=4),
            dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001),
        ],
    )
    config.train_cfg.update(val_begin=10, dynamic_intervals=[(16, 2)])
    told = stretch_training(config, 40)
    assert config.train_cfg == ConfigDict(max_epochs=40, val_interval=10, val_begin=20,
                                          dynamic_intervals=[(32, 4)])
    assert config.default_hooks.fade.last_epochs == 10
    first, second, third = config.custom_hooks
    assert first.disable_after_epoch == 30
    assert second.begin_epoch == 8 and second.momentum == pytest.approx(0.0001)
    assert third.momentum == pytest.approx(0.0005) and third.gamma == 4000
    for words in ('val_interval 5 -> 10', 'DisableAugmentationHook.last_epochs 5 -> 10',
                  'EMAHook.begin_epoch 4 -> 8'):
        assert words in told


def test_the_same_number_changes_nothing():
    config = made(cycle(20, 8))
    before = config.to_dict()
    assert stretch_training(config, 20) == '' and config.to_dict() == before


@pytest.mark.parametrize('epochs', [0, -1, 2.5, '3', True])
def test_what_is_no_number_of_epochs_is_refused(epochs):
    with pytest.raises(ConfigError, match='whole number from 1'):
        stretch_training(made([]), epochs)


def test_a_training_by_iterations_has_none():
    with pytest.raises(ConfigError, match='counts epochs'):
        stretch_training(Config(dict(train_cfg=dict(max_iters=100))), 3)


@pytest.mark.parametrize('epochs', [1, 3, 50])
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_stretched(path, epochs):
    config = Config.fromfile(path, import_custom_modules=False)
    highest = [item.get('eta_max') for item in config.param_scheduler]
    stretch_training(config, epochs)
    check_ends(config.param_scheduler, config.train_cfg)
    assert [item.get('eta_max') for item in config.param_scheduler] == highest
    assert config.train_cfg.max_epochs == epochs and config.train_cfg.val_interval <= epochs


def test_more_epochs_train_to_the_end_and_the_rate_falls(tiny_config, tmp_path, capsys):
    result = train(tiny_config, tmp_path, epochs=6)
    assert result.epochs == 6 and 'takes 6 epochs, in the config 4' in capsys.readouterr().out


def test_the_option_means_the_same_and_other_options_win(tiny_config, tmp_path, capsys):
    found = train(tiny_config, tmp_path, {'train_cfg.max_epochs': 6, 'train_cfg.val_interval': 1},
                  dry_run=True)
    assert found.epochs == 6
    said = capsys.readouterr().out
    assert 'takes 6 epochs, in the config 4' in said


def test_an_option_that_sets_no_length_does_not_keep_a_schedule_from_being_stretched(
        tiny_config, tmp_path):
    options = {'train_cfg.max_epochs': 6, 'param_scheduler.0.pct_start': 0.1}
    assert train(tiny_config, tmp_path, options, dry_run=True).epochs == 6
    with pytest.raises(ConfigError, match='ends at 3 epochs'):
        train(tiny_config, tmp_path, {**options, 'param_scheduler.0.total_steps': 3}, dry_run=True)


def test_two_numbers_are_refused(tiny_config, tmp_path):
    with pytest.raises(ConfigError, match='--epochs 3 and the option train_cfg.max_epochs=6'):
        train(tiny_config, tmp_path, {'train_cfg.max_epochs': 6}, epochs=3)
