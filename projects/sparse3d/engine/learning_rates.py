"""Learning rates of a training that has not begun: at its start, peak and end."""
from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.runner import Runner
from torch import nn

from sparse3d.engine.schedule_ends import changes, lasting


@dataclass(frozen=True)
class GroupRates:
    """Rates of the parameters that share rate and decay.

    Attributes:
        parameters: numbers that learn in it.
        first, peak, last: learning rate in the first iteration, the highest, and in the last.
        peak_iteration: where it is highest, counted from 0.
        weight_decay: of the group.
    """

    parameters: int
    first: float
    peak: float
    last: float
    peak_iteration: int
    weight_decay: float

    def __str__(self) -> str:
        return (f'lr {self.first:.3g} at the start, {self.peak:.3g} at its peak (iteration '
                f'{self.peak_iteration:,}), {self.last:.3g} at the end; weight decay '
                f'{self.weight_decay:g}; {self.parameters:,} parameters')


def rates_of(runner: Runner, schedules: Any) -> tuple[GroupRates, ...]:
    """Run the schedules of the learning rate, alone, over a whole training.

    Args:
        runner: with its optimizer and training loop built.
        schedules: ``param_scheduler`` of its config, one or a list, or None.

    Returns:
        One entry for each pair of rate and decay, the highest rate first.
    """
    sizes: Counter = Counter()
    for group in runner.optim_wrapper.param_groups:
        rate = group.get('initial_lr', group['lr'])  # a schedule built on it has changed lr
        sizes[rate, group.get('weight_decay', 0)] += sum(
            value.numel() for value in group['params'] if value.requires_grad)
    stand_in = torch.optim.AdamW(
        [{'params': [nn.Parameter(torch.zeros(1))], 'lr': rate, 'weight_decay': decay}
         for rate, decay in sizes])
    history = _followed(stand_in, _built(runner, schedules, stand_in), runner.max_iters,
                        len(runner.train_dataloader))
    listed = []
    for column, ((_, decay), size) in enumerate(sizes.items()):
        values = [row[column] for row in history]
        peak = max(values)
        listed.append(GroupRates(size, values[0], peak, values[-1], values.index(peak), decay))
    return tuple(sorted(listed, key=lambda group: (-group.peak, -group.weight_decay)))


def _built(runner: Runner, schedules: Any, optimizer: torch.optim.Optimizer) -> list:
    given = schedules if isinstance(schedules, list | tuple) else [schedules]
    wanted = [schedule for schedule in given
              if schedule is not None and changes(schedule) == 'learning rate']
    built = runner._build_param_scheduler(
        lasting(wanted, len(runner.train_dataloader), logging.getLogger(__name__)),
        optimizer)
    optimizer.step()  # or mmengine warns of schedules that run ahead of the optimizer
    return built


def _followed(optimizer: torch.optim.Optimizer, built: list, iterations: int,
              epoch_length: int) -> list[list[float]]:
    """Rates of every group in every iteration."""
    history = []
    for iteration in range(1, iterations + 1):
        history.append([group['lr'] for group in optimizer.param_groups])
        for schedule in built:
            if not schedule.by_epoch or iteration % epoch_length == 0:
                schedule.step()
    return history
