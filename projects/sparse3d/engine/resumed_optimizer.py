"""A training that goes on with the optimizer that it began with, or not at all.

PyTorch takes rates and decay from the checkpoint: what a config says of them by now would have no
effect.
"""
from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sparse3d.errors import CheckpointError

# What schedules note in a parameter group: the value that they begin with, and their limits.
OF_SCHEDULES = ('initial_', 'max_', 'min_')


def check_resumed_optimizer(groups: list[dict], saved: Mapping[str, Any], checkpoint: str) -> None:
    """Refuse to go on with other rates, decay or parameter groups than those of the checkpoint.

    Args:
        groups: of the optimizer that was built, with its schedules.
        saved: state of the optimizer in the checkpoint; nothing is looked at without its groups.
        checkpoint: its path, for the error.

    Raises:
        CheckpointError: naming what differs.
    """
    theirs = saved.get('param_groups')
    if theirs is None:
        return
    way_out = ('go on with the settings that it had (--auto-scale-lr among them), or begin anew '
               f'from its weights: --cfg-options load_from={checkpoint}')
    if [len(group['params']) for group in groups] != [len(group['params']) for group in theirs]:
        raise CheckpointError(
            f'{checkpoint} belongs to a training whose optimizer has {_sizes(theirs)}, here it has '
            f'{_sizes(groups)}: {way_out}')
    for number, (one, other) in enumerate(zip(groups, theirs, strict=True)):
        if ('betas' in one) != ('betas' in other):
            raise CheckpointError(f'{checkpoint} belongs to a training with another kind of '
                                  f'optimizer: {way_out}')
        for key, ours, there in _settings(one, other):
            if not math.isclose(ours, there, rel_tol=1e-9):
                raise CheckpointError(
                    f'{checkpoint} belongs to a training whose parameter group {number} has {key} '
                    f'{there:g}, here it has {ours:g}: {way_out}')


def _sizes(groups: list[dict]) -> str:
    counts = [len(group['params']) for group in groups]
    return f'{sum(counts)} parameters in {len(counts)} groups'


def _settings(one: dict, other: dict) -> list[tuple[str, float, float]]:
    """Name, value here and value there of what no schedule changes."""
    keys = [key for key in one if key in other and key.startswith(OF_SCHEDULES)]
    keys += ['weight_decay'] + ['lr'] * ('initial_lr' not in (*one, *other))
    return [(key, one[key], other[key]) for key in keys if key in one and key in other]


def check_epochs_left(epochs: int | None, done: int | None, checkpoint: str) -> None:
    """Refuse a training that is shorter than what the checkpoint has behind it.

    Raises:
        CheckpointError: naming both numbers.
    """
    if epochs and done and done > epochs:
        raise CheckpointError(f'{checkpoint} has {done} epochs behind it, the training takes '
                              f'{epochs}: give --epochs {done} or more')
