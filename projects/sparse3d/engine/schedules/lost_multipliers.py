"""Schedules that would undo the learning rates of single parameter groups."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.optim import OptimWrapper, OptimWrapperDict

from sparse3d.errors import ConfigError

ONE_RATE = ('OneCycleLR', 'OneCycleParamScheduler')


def refuse_lost_multipliers(schedules: Any, optim_wrapper: OptimWrapper) -> None:
    """Refuse mmengine's one cycle where groups have rates of their own.

    It writes one number, ``eta_max``, into every group: ``lr_mult`` has no effect then.

    Args:
        schedules: ``param_scheduler`` of a config, one or a list.
        optim_wrapper: with the optimizer that it is for.

    Raises:
        ConfigError: naming the rates and the schedule to take.
    """
    if isinstance(optim_wrapper, OptimWrapperDict):
        return
    rates = sorted({group['lr'] for group in optim_wrapper.param_groups})
    for schedule in schedules if isinstance(schedules, list | tuple) else [schedules]:
        if len(rates) < 2 or not isinstance(schedule, Mapping):
            continue
        if (str(schedule.get('type')).rpartition('.')[2] in ONE_RATE
                and not isinstance(schedule.get('eta_max'), list | tuple)):
            raise ConfigError(
                f'paramwise_cfg gives parameters the learning rates '
                f'{", ".join(f"{rate:g}" for rate in rates)}, but {schedule["type"]} would give '
                f'all of them eta_max = {schedule.get("eta_max")}; use ExactOneCycleLR, whose '
                f'highest rates are those of the optimizer')
