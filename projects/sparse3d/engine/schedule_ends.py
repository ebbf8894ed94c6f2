"""Where the schedules of a training end, and whether that is where the training ends."""
from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparse3d.engine.schedules.group_schedule import GroupSchedule
from sparse3d.errors import CheckpointError, ConfigError

# Keys that say how long a schedule lasts from its ``begin``; without one, its ``end`` does.
LENGTHS = ('total_steps', 'T_max')
FOREVER = 10 ** 9  # mmengine's INF
TOLERANCE = 1e-6   # of an epoch
# What a resumed training takes from the checkpoint in place of the config: of all schedules, and
# of mmengine's.
RESUMED = ('begin', 'end', 'T_max', 'total_steps', 'step_size', 'periods')
RESUMED_OF_MMENGINE = (
    'milestones', 'gamma', 'factor', 'start_factor', 'end_factor', 'eta_min', 'eta_min_ratio',
    'eta_max', 'div_factor', 'final_div_factor', 'power', 'restart_weights')


def schedules_of(param_scheduler: Any) -> Iterator[tuple[str, dict]]:
    """Every schedule of a config with its place, whether there is one, a list or one per part.

    Schedules that are built already are passed over.
    """
    if not isinstance(param_scheduler, Mapping | list | tuple):
        return
    if isinstance(param_scheduler, Mapping) and 'type' in param_scheduler:
        yield 'param_scheduler', param_scheduler
        return
    items = param_scheduler.items() if isinstance(param_scheduler, Mapping) else enumerate(
        param_scheduler)
    for place, item in items:
        for inner, schedule in schedules_of(item):
            yield inner.replace('param_scheduler', f'param_scheduler.{place}', 1), schedule


def changes(schedule: Mapping) -> str:
    """What a schedule changes: the learning rate or the momentum."""
    return 'momentum' if 'Momentum' in str(schedule.get('type')) else 'learning rate'


def by_epoch(schedule: Mapping) -> bool:
    """Whether a schedule counts epochs, as mmengine's do unless they say otherwise."""
    return bool(schedule.get('by_epoch', True))


def is_warm_up(schedule: Mapping) -> bool:
    """Whether it only leads to the height: what it leaves lasts."""
    kind = str(schedule.get('type'))
    return kind.startswith(('Linear', 'Constant', 'WarmUp', 'Warmup')) \
        and not schedule.get('begin', 0)


def end_of(schedule: Mapping) -> float | None:
    """Where a schedule ends by itself, in its own unit; None if it goes with the training."""
    begin = schedule.get('begin', 0)
    lengths = [schedule[key] for key in LENGTHS if schedule.get(key)]
    if schedule.get('periods'):
        lengths.append(sum(schedule['periods']))
    if lengths:
        return begin + lengths[0]
    end = schedule.get('end')
    return None if end is None or end >= FOREVER else end


def last_end(schedules: Sequence[Mapping]) -> float | None:
    """Where the last of several schedules of one kind and unit ends; None if that is open.

    Warm-ups do not count: that they are over long before the training is their purpose.
    """
    ends = [end_of(schedule) for schedule in schedules if not is_warm_up(schedule)]
    return max((end for end in ends if end is not None), default=None)


def check_ends(param_scheduler: Any, train_cfg: Mapping) -> None:
    """Refuse schedules that count in the training's own unit and end early or late.

    Raises:
        ConfigError: naming the schedule, both ends and the way out.
    """
    epochs = train_cfg.get('max_epochs')
    length, unit = (epochs, 'epochs') if epochs else (train_cfg.get('max_iters'), 'iterations')
    if not length:
        return
    _check(param_scheduler, length, unit == 'epochs', unit, TOLERANCE)


def check_iterations(param_scheduler: Any, epochs: int, epoch_length: int) -> None:
    """The same for schedules that count iterations in a training by epochs.

    Raises:
        ConfigError: if the last of them ends an epoch or more before or after the training.
    """
    _check(param_scheduler, epochs * epoch_length, False, 'iterations', epoch_length - TOLERANCE)


def _check(param_scheduler: Any, length: float, count_epochs: bool, unit: str,
           tolerance: float) -> None:
    found = [(place, schedule) for place, schedule in schedules_of(param_scheduler)
             if by_epoch(schedule) == count_epochs]
    for what in ('learning rate', 'momentum'):
        group = [(place, schedule) for place, schedule in found if changes(schedule) == what]
        last = last_end([schedule for _, schedule in group])
        for place, schedule in group:
            end = end_of(schedule)
            if end is None or is_warm_up(schedule):
                _check_milestones(place, schedule, length, unit)
                continue
            runs_on = 'end' not in schedule  # mmengine goes on asking it after its own length
            dies = runs_on and 'total_steps' in schedule and end < length - TOLERANCE
            if dies or ((end == last or runs_on) and abs(end - length) > tolerance):
                raise ConfigError(_sentence(place, schedule, what, end, length, unit))


def _check_milestones(place: str, schedule: Mapping, length: float, unit: str) -> None:
    late = [step for step in schedule.get('milestones') or () if step >= length]
    if late:
        raise ConfigError(_sentence(place, schedule, changes(schedule), max(late), length, unit))


def _sentence(place: str, schedule: Mapping, what: str, end: float, length: float,
              unit: str) -> str:
    remedy = (f'--epochs {length:g} stretches all schedules to the training'
              if unit == 'epochs' else 'give both the same number, or let the schedule count '
              'epochs (by_epoch=True, convert_to_iter_based=True)')
    return (f'the schedule of the {what} ends at {end:g} {unit} ({schedule.get("type")}, {place}), '
            f'the training at {length:g} (train_cfg): {remedy}')


def tell_long_warm_ups(param_scheduler: Any, iterations: int, logger: logging.Logger) -> None:
    """Say that a training is over before the rate has reached its height."""
    for place, schedule in schedules_of(param_scheduler):
        key = 'warmup_steps' if schedule.get('warmup_steps') else 'end'
        counts = key == 'warmup_steps' or (is_warm_up(schedule) and not by_epoch(schedule))
        steps = schedule.get(key)
        if counts and steps and steps > iterations and changes(schedule) == 'learning rate':
            logger.warning(f'the warm-up of {schedule.get("type")} takes {steps:g} iterations, the '
                           f'training {iterations:g}: the learning rate stays below its height; '
                           f'set {place}.{key} for so short a training')


def lasting(param_scheduler: Any, epoch_length: int, logger: logging.Logger) -> Any:
    """Schedules without those that last no step, which mmengine refuses: a short training has no
    room for the rise of a momentum, for instance."""
    if isinstance(param_scheduler, Mapping) and 'type' not in param_scheduler:
        return {name: lasting(item, epoch_length, logger)
                for name, item in param_scheduler.items()}
    if not isinstance(param_scheduler, list | tuple):
        return param_scheduler
    kept = []
    for schedule in param_scheduler:
        if isinstance(schedule, Mapping) and _lasts_no_step(schedule, epoch_length):
            logger.info(f'{schedule["type"]} from {schedule.get("begin", 0):g} to '
                        f'{schedule["end"]:g} epochs lasts no step: left out')
        else:
            kept.append(schedule)
    return kept


def _lasts_no_step(schedule: Mapping, epoch_length: int) -> bool:
    begin, end = schedule.get('begin', 0), schedule.get('end')
    if end is None:
        return False
    if by_epoch(schedule) and schedule.get('convert_to_iter_based'):
        begin, end = int(begin * epoch_length), int(end * epoch_length)
    return begin >= end


def check_resumed(built: Any, saved: Any, checkpoint: str) -> None:
    """Refuse to go on with other schedules than those of the checkpoint.

    mmengine takes their numbers from the checkpoint: the training would end in the middle of the
    schedule, die at its end, or not do what the config says by now.

    Args:
        built: the schedules of the config, a list or lists by name.
        saved: what the checkpoint holds of its schedules.
        checkpoint: its path, for the error.

    Raises:
        CheckpointError: naming what differs.
    """
    ours, theirs = _flat(built), _flat(saved)
    way_out = ('go on with the schedule, epochs, batch size and number of processes that it had, '
               f'or begin a new schedule from its weights: --cfg-options load_from={checkpoint}')
    if len(ours) != len(theirs):
        raise CheckpointError(f'{checkpoint} belongs to a training with {len(theirs)} schedules, '
                              f'this one has {len(ours)}: {way_out}')
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        values = vars(one)
        taken = RESUMED if isinstance(one, GroupSchedule) else RESUMED + RESUMED_OF_MMENGINE
        for key in taken:
            if key in values and key in other and values[key] != other[key]:
                raise CheckpointError(
                    f'{checkpoint} belongs to a training whose schedule {number} '
                    f'({type(one).__name__}) has {key} {_number(other[key])}, here it has '
                    f'{_number(values[key])}: {way_out}')


def _number(value: Any) -> Any:
    """As a config gives it: milestones are kept as a count of each."""
    return sorted(value) if isinstance(value, Mapping) else value


def _flat(schedules: Any) -> list:
    if isinstance(schedules, Mapping) and all(isinstance(item, list)
                                              for item in schedules.values()):
        return [item for group in schedules.values() for item in group]
    return list(schedules or ())
