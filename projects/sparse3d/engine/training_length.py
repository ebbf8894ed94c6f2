"""A training made longer or shorter, with all that is told in epochs."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from sparse3d.engine.schedule_ends import (
    by_epoch,
    changes,
    end_of,
    is_warm_up,
    last_end,
    schedules_of,
)
from sparse3d.errors import ConfigError

# Keys of hooks that are numbers of epochs or iterations, whatever the hook.
OF_HOOKS = ('begin_epoch', 'begin_iter', 'disable_after_epoch', 'switch_epoch', 'last_epochs',
            'num_last_epochs')
EMA_MOMENTUM, EMA_GAMMA = 0.0002, 2000  # mmengine's, where a hook says nothing
EMA_WITH_GAMMA = ('MomentumAnnealingEMA', 'ExpMomentumEMA')
EMA_KINDS = ('ExponentialMovingAverage', *EMA_WITH_GAMMA)


def stretch_training(config: Config, epochs: int) -> str:
    """Make a training take this number of epochs, and all schedules with it.

    In place: ``train_cfg`` (validation), schedules of learning rate and momentum, hooks that count
    epochs (fade-out, switches of pipelines) and moving averages of the weights, whose memory
    remains the same share of the training. Heights stay, and so do warm-ups that count
    iterations.

    Returns:
        What was changed, in one sentence; empty if nothing was.

    Raises:
        ConfigError: if that is not a number of epochs, or the training does not count any.
    """
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise ConfigError(f'--epochs (train_cfg.max_epochs) is a whole number from 1, '
                          f'not {epochs!r}')
    before = (config.get('train_cfg') or {}).get('max_epochs')
    if not before:
        raise ConfigError('--epochs needs a training that counts epochs; this one has no '
                          'train_cfg.max_epochs')
    ratio = epochs / before
    told = [*_stretch_train_cfg(config.train_cfg, epochs, ratio), *_stretch_hooks(config, ratio)]
    schedules = list(_stretch_schedules(config, epochs, before))
    if epochs == before and not schedules:
        return ''
    parts = [f'schedules of {" and ".join(dict.fromkeys(schedules))}'] * bool(schedules) + told
    return (f'The training takes {epochs} epochs, in the config {before}; stretched with it: '
            f'{", ".join(parts) or "nothing"}. The highest rate stays.')


def _stretch_train_cfg(train_cfg: dict, epochs: int, ratio: float) -> Iterator[str]:
    train_cfg['max_epochs'] = epochs
    for key in ('val_interval', 'val_begin'):
        if key in train_cfg and train_cfg[key] > 1:
            yield from _set(train_cfg, key, max(1, _whole(train_cfg[key] * ratio)), key)
    if train_cfg.get('dynamic_intervals') and ratio != 1:
        train_cfg['dynamic_intervals'] = [
            (max(1, _whole(epoch * ratio)) if epoch > 1 else epoch,
             max(1, _whole(interval * ratio))) for epoch, interval in train_cfg.dynamic_intervals]
        yield 'dynamic_intervals'


def _stretch_hooks(config: Config, ratio: float) -> Iterator[str]:
    hooks = [*(config.get('default_hooks') or {}).values(), *(config.get('custom_hooks') or ())]
    for hook in hooks:
        if not hook:
            continue
        kind = str(hook.get('type'))
        for key in OF_HOOKS:
            if hook.get(key):
                yield from _set(hook, key, _whole(hook[key] * ratio), f'{kind}.{key}')
        if kind.endswith('EMAHook') and ratio != 1:
            yield from _stretch_average(hook, kind, ratio)


def _stretch_average(hook: dict, kind: str, ratio: float) -> Iterator[str]:
    average = hook.get('ema_type', EMA_KINDS[0])
    if average in EMA_KINDS:  # it remembers 1 / momentum iterations
        momentum = hook.get('momentum', EMA_MOMENTUM) / ratio
        yield from _set(hook, 'momentum', min(0.5, momentum), f'{kind}.momentum')
    if average in EMA_WITH_GAMMA:
        yield from _set(hook, 'gamma', max(1, _whole(hook.get('gamma', EMA_GAMMA) * ratio)),
                        f'{kind}.gamma')


def _stretch_schedules(config: Config, epochs: int, before: int) -> Iterator[str]:
    """Stretch every schedule; gives what each that changed is of."""
    schedules = [schedule for _, schedule in schedules_of(config.get('param_scheduler'))]
    first_steps = {end_of(schedule) for schedule in schedules
                   if is_warm_up(schedule) and not by_epoch(schedule)}
    for what in ('learning rate', 'momentum'):
        group = [schedule for schedule in schedules if changes(schedule) == what]
        ends = last_end([schedule for schedule in group if by_epoch(schedule)])
        ratio = epochs / (ends or before)  # the schedule need not have fitted before
        for schedule in group:
            old = dict(schedule)
            if by_epoch(schedule):
                _stretch_by_epoch(schedule, ratio)
                _keep_milestones_within(schedule, epochs)
            elif not is_warm_up(schedule):
                _stretch_by_iteration(schedule, epochs / before, first_steps)
            if dict(schedule) != old:
                yield what


def _stretch_by_epoch(schedule: dict, ratio: float) -> None:
    if schedule.get('convert_to_iter_based'):
        def place(value: float) -> float:
            return _tidy(value * ratio)
    else:
        def place(value: float) -> float:
            return _whole(value * ratio)

    fills = schedule.get('T_max') == schedule.get('end', math.nan) - schedule.get('begin', 0)
    for key in ('begin', 'end', 'T_max'):
        if schedule.get(key):
            schedule[key] = place(schedule[key])
    if fills:
        schedule['T_max'] = _tidy(schedule['end'] - schedule.get('begin', 0))
    _stretch_whole_numbers(schedule, ratio)


def _stretch_by_iteration(schedule: dict, ratio: float, first_steps: set) -> None:
    fills = schedule.get('T_max') == schedule.get('end', math.nan) - schedule.get('begin', 0)
    for key in ('begin', 'end', 'T_max'):
        if schedule.get(key) and not (key == 'begin' and schedule[key] in first_steps):
            schedule[key] = _whole(schedule[key] * ratio)
    if fills:
        schedule['T_max'] = schedule['end'] - schedule.get('begin', 0)
    _stretch_whole_numbers(schedule, ratio)


def _stretch_whole_numbers(schedule: dict, ratio: float) -> None:
    for key in ('total_steps', 'step_size'):
        if schedule.get(key):
            schedule[key] = max(1, _whole(schedule[key] * ratio))
    if schedule.get('milestones'):
        schedule['milestones'] = [max(1, _whole(step * ratio)) for step in schedule['milestones']]
    if schedule.get('periods'):
        _stretch_periods(schedule, ratio)


def _keep_milestones_within(schedule: dict, epochs: int) -> None:
    """The last epoch still has the rate that it should have, however few there are; a training of
    one epoch has no room for a step."""
    if schedule.get('milestones'):
        steps = [min(step, epochs - 1) for step in schedule['milestones']]
        schedule['milestones'] = [step for step in steps if step > 0]


def _stretch_periods(schedule: dict, ratio: float) -> None:
    """Restarts at the nearest whole numbers; a period that lasts no step goes, with its weight."""
    periods = schedule['periods']
    weights = schedule.get('restart_weights') or periods
    ends = [max(1, _whole(sum(periods[:count + 1]) * ratio)) for count in range(len(periods))]
    lasting = [(end - begin, weight) for begin, end, weight
               in zip([0, *ends], ends, weights, strict=False) if end > begin]
    schedule['periods'] = [length for length, _ in lasting]
    if schedule.get('restart_weights'):
        schedule['restart_weights'] = [weight for _, weight in lasting]


def _set(part: dict, key: str, value: Any, name: str) -> Iterator[str]:
    old = part.get(key)
    part[key] = value
    if old != value:
        yield f'{name} {value:g}' if old is None else f'{name} {old:g} -> {value:g}'


def _whole(value: float) -> int:
    """The nearest whole number; halves go up."""
    return math.floor(value + 0.5)


def _tidy(value: float) -> float:
    """The number without the noise of its last digits."""
    value = round(value, 9)
    return int(value) if value == int(value) else value
