"""Initial weights drawn by a table of laws: a recipe may begin as its release did.

A config holds ``released_weights``, rows of (pattern of parameter names, law, numbers); the first
row that fits a name counts, ``'as built'`` leaves a parameter, norms begin as 1 and 0. Without
more, parts keep the initialization of their own, which begins rare classes as rare and last layers
small. ``initial_weights='released'`` draws all parameters by the table before any file of weights
is loaded.
"""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sparse3d.errors import ConfigError

Row = Sequence[Any]  # pattern, law, numbers of the law
RELEASED, OWN = 'released', 'own'


def check_initial_weights(config: Any) -> None:
    """Refuse a choice that the config cannot mean.

    Raises:
        ConfigError: if ``initial_weights`` is neither ``'own'`` nor ``'released'``, or the config
            knows no released ones.
    """
    chosen = config.get('initial_weights', OWN)
    if chosen not in (OWN, RELEASED):
        raise ConfigError(f"initial_weights={chosen!r} is neither 'own' nor 'released'")
    if chosen == RELEASED and not config.get('released_weights'):
        raise ConfigError("initial_weights='released': this config has no table released_weights "
                          'that says how its release begins; leave the option out')


@torch.no_grad()
def draw_initial_weights(model: nn.Module, laws: Sequence[Row]) -> None:
    """Draw every parameter anew, in the order of the model.

    Raises:
        ConfigError: if a parameter fits no row.
    """
    parameters = dict(model.named_parameters())
    for name, value in parameters.items():
        row = next((row for row in laws if re.fullmatch(row[0], name)), None)
        if row is None:
            raise ConfigError(f'released_weights has no row for {name}')
        if row[1] == 'as built':
            continue
        if 'norm' in type(model.get_submodule(name.rpartition('.')[0])).__name__.lower():
            row = (row[0], 'constant', float(name.endswith('weight')))
        _draw(value, row, parameters, name)


def _draw(value: Tensor, row: Row, parameters: dict[str, Tensor], name: str) -> None:
    _, law, *numbers = row
    if law not in LAWS:
        raise ConfigError(f'released_weights knows no law {law!r}; it knows {", ".join(LAWS)}')
    if law == 'bias of linear':
        numbers = [fan_in(parameters[name.removesuffix('bias') + 'weight'])]
    LAWS[law](value, *numbers)


def fan_in(weight: Tensor) -> int:
    """Inputs of an output; weights have the outputs first, sparse convolutions as well."""
    return math.prod(weight.shape[1:])


def _fan_out(weight: Tensor) -> int:
    """Outputs of an input, of a dense layer."""
    return weight.shape[0] * math.prod(weight.shape[2:])


def _uniform(value: Tensor, edge: float) -> None:
    nn.init.uniform_(value, -edge, edge)


LAWS: dict[str, Callable[..., object]] = {
    'constant': nn.init.constant_,
    'normal': lambda value, std: nn.init.normal_(value, std=std),
    'uniform': nn.init.uniform_,
    # PyTorch's own for linear layers and convolutions, and spconv 2's.
    'linear': lambda value: _uniform(value, 1 / math.sqrt(fan_in(value))),
    'bias of linear': lambda value, inputs: _uniform(value, 1 / math.sqrt(inputs)),
    # spconv 1, and what mmdet3d had of it: all but the first axis of the kernel taken for inputs.
    'sparse 1.x': lambda value: _uniform(value, math.sqrt(value.shape[1] / value.numel())),
    'xavier': lambda value: _uniform(value, math.sqrt(6 / (fan_in(value) + _fan_out(value)))),
    'xavier normal': lambda value: nn.init.normal_(
        value, std=math.sqrt(2 / (fan_in(value) + _fan_out(value)))),
    'kaiming normal': lambda value: nn.init.normal_(value, std=math.sqrt(2 / fan_in(value))),
    'kaiming normal, outputs': lambda value: nn.init.normal_(
        value, std=math.sqrt(2 / _fan_out(value))),
}
