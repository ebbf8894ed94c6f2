"""A schedule told by its iteration alone, for every parameter group on its own level."""
from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler

from sparse3d.errors import CheckpointError, ConfigError

PROGRESS = ('last_step', '_global_step', '_last_value', 'base_values')


class GroupSchedule(_ParamScheduler):
    """Base of schedules that multiply a group's own value by a factor of the iteration.

    mmengine's schedules work on the value of the iteration before, or write one value into
    every group. Here the value in iteration i is the group's value in the optimizer's config
    (``lr_mult`` and its like included) times ``factor(i)``, whatever was in between.

    Args:
        optimizer: or its wrapper.
        param_name: key in the parameter groups.
        total_steps: length in iterations; None: from ``begin`` to ``end``. In a config with
            ``by_epoch=True, convert_to_iter_based=True`` all three are in epochs, and an
            ``end`` that is not there is the end of the training.
        begin, end: iterations from and to; before and after them nothing is changed.
        last_step: iterations done.
        by_epoch: must be False: the schedule changes within an epoch.

    Raises:
        ConfigError: if its length is unknown, not positive, or counted in epochs.
    """

    def __init__(self, optimizer: Any, param_name: str, total_steps: int | None = None,
                 begin: int = 0, end: int = INF, last_step: int = -1, by_epoch: bool = False,
                 verbose: bool = False) -> None:
        name = type(self).__name__
        if by_epoch:
            raise ConfigError(f'{name} changes within an epoch: give it by_epoch=True together '
                              f'with convert_to_iter_based=True, or by_epoch=False and lengths '
                              f'in iterations')
        if total_steps is None and end == INF:
            raise ConfigError(f'{name} does not know how long it is: set total_steps or end')
        self.total_steps = end - begin if total_steps is None else total_steps
        if self.total_steps < 1:
            raise ConfigError(f'{name} has {self.total_steps} iterations; give it one at least')
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, epoch_length: int, begin: float = 0,
                              end: float = INF, total_steps: float | None = None,
                              by_epoch: bool = True, **kwargs: Any) -> GroupSchedule:
        """Build from lengths in epochs of ``epoch_length`` iterations; called by mmengine."""
        if total_steps is not None:
            total_steps = round(total_steps * epoch_length)
        if end != INF:
            end = round(end * epoch_length)
        return cls(*args, begin=round(begin * epoch_length), end=end, total_steps=total_steps,
                   by_epoch=False, **cls.options_of_epochs(epoch_length), **kwargs)

    @classmethod
    def options_of_epochs(cls, epoch_length: int) -> dict[str, Any]:
        """What the constructor has to know of epochs."""
        return {}

    @abstractmethod
    def factor(self, step: int) -> float:
        """By what a group's own value is multiplied in iteration ``step``, counted from 0."""

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on where a checkpoint stopped; how long the schedule is, the config says.

        Raises:
            CheckpointError: if the checkpoint is of another schedule.
        """
        if set(state_dict) != set(self.state_dict()):
            raise CheckpointError(
                f'the checkpoint was trained with another schedule than {type(self).__name__}, '
                f'which the config names; start from its weights with --cfg-options '
                f'load_from=FILE, or resume with the config it was trained with')
        self.__dict__.update({key: state_dict[key] for key in PROGRESS})

    def _get_value(self) -> list[float]:
        factor = self.factor(self.last_step)
        return [value * factor for value in self.base_values]


def cosine(first: float, last: float, share: float) -> float:
    """Half a cosine from ``first`` (share 0) to ``last`` (share 1)."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * share))
