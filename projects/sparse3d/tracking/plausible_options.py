"""What cannot be an option of a tracker, whatever the tracker: refused in one sentence."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from sparse3d.errors import ConfigError
from sparse3d.tracking.class_motion import ClassMotion


def refuse_odd_options(options: Any) -> None:
    """Raise for options of other kinds than their defaults, NaN, scores that none can reach.

    Args:
        options: a dataclass, all of whose fields have defaults of their kind.

    Raises:
        ConfigError: naming the option and its value.
    """
    for field in fields(options):
        value, name = getattr(options, field.name), field.name
        if name == 'motions':
            _refuse_odd_motions(value)
        elif isinstance(field.default, float):
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or np.isnan(value):
                raise ConfigError(f'{name} of a tracker is {value!r}; a number is needed')
            if name.endswith(('score', 'score_threshold')) and value > 1:
                raise ConfigError(f'{name} of a tracker is {value!r}; scores lie between 0 and 1')
        elif not isinstance(value, Integral if type(field.default) is int else type(
                field.default)) or (isinstance(value, bool) and field.default not in (True, False)):
            raise ConfigError(f'{name} of a tracker is {value!r}; a value like {field.default!r} '
                              f'is needed')


def refuse_outside(name: str, value: float, low: float, high: float) -> None:
    """Raise unless an option lies within its limits.

    Raises:
        ConfigError: naming it.
    """
    if not low <= value <= high:
        raise ConfigError(f'{name} of a tracker is {value!r}; it has to lie between {low:g} and '
                          f'{high:g}')


def _refuse_odd_motions(motions: Any) -> None:
    if not isinstance(motions, Mapping):
        raise ConfigError(f'motions is {motions!r:.60}; give ClassMotion by name of class')
    for name, motion in motions.items():
        if not isinstance(motion, ClassMotion):
            raise ConfigError(f'motions has {motion!r:.60} for {name!r}; give a ClassMotion, or on '
                              f'the command line --like {name}=car')
