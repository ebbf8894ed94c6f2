"""New models begin with the distributions of the released code, parameter by parameter."""
from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from sparse3d.engine.load_config import load_config

TABLE = json.loads((Path(__file__).parent / 'fixtures' / 'initial_weights.json').read_text())
DEVIATIONS = 6  # standard errors; 300 parameters never come that far by chance


@pytest.fixture(params=TABLE)
def system(request) -> dict:
    return TABLE[request.param]


def build(system: dict) -> nn.Module:
    init_default_scope('mmdet3d')
    config = load_config(system['config']).model
    config = {key: value for key, value in config.items() if key != 'data_preprocessor'}
    torch.manual_seed(1)
    built = MODELS.build(config[system['part']] if 'part' in system else config)
    if hasattr(built, 'init_weights'):
        built.init_weights()
    return built


def test_every_parameter_begins_as_in_the_release(system):
    model = build(system)
    parameters = dict(model.named_parameters())
    assert len(parameters) > 30
    used = set()
    for name, value in parameters.items():
        row = next((number for number, (pattern, *_) in enumerate(system['laws'])
                    if re.fullmatch(pattern, name)), None)
        assert row is not None, f'no law for {name}'
        used.add(row)
        _, law, *numbers = system['laws'][row]
        fault = fault_of(value.detach().double(), law, numbers, parameters, name)
        assert not fault, f'{name} ({law}): {fault}'
    assert used == set(range(len(system['laws'])))


def test_another_distribution_would_be_seen():
    weight = torch.empty(256, 256, dtype=torch.float64)
    nn.init.xavier_uniform_(weight)
    assert not fault_of(weight, 'xavier', [], {}, '')
    for law, numbers in (('linear', []), ('kaiming normal', []), ('constant', [0]),
                         ('normal', [1]), ('uniform', [0, 2])):
        assert fault_of(weight, law, numbers, {}, '')


def fault_of(value: Tensor, law: str, numbers: list[float], parameters: dict, name: str) -> str:
    """What speaks against a law, or nothing."""
    if law == 'columns':
        return grid_fault(value)
    if law == 'constant':
        return '' if torch.allclose(value, torch.full_like(value, numbers[0])) else (
            f'from {value.min():g} to {value.max():g}, not {numbers[0]:g}')
    if law in ('normal', 'kaiming normal'):
        spread = numbers[0] if numbers else math.sqrt(2 / fan_in(value))
        return spread_fault(value, 0.0, spread, kurtosis=3.0)
    low, high = bounds(value, law, numbers, parameters, name)
    if value.min() < low - 1e-6 or value.max() > high + 1e-6:
        return f'from {value.min():g} to {value.max():g}, outside of {low:g} to {high:g}'
    return spread_fault(value, (low + high) / 2, (high - low) / math.sqrt(12), kurtosis=1.8)


def bounds(value: Tensor, law: str, numbers: list[float], parameters: dict,
           name: str) -> tuple[float, float]:
    """The ends of a uniform distribution."""
    if law == 'uniform':
        return numbers[0], numbers[1]
    if law == 'xavier':
        fan_out = value.shape[0] * math.prod(value.shape[2:])
        edge = math.sqrt(6 / (fan_in(value) + fan_out))
    else:
        weight = value if law == 'linear' else parameters[name.removesuffix('bias') + 'weight']
        edge = 1 / math.sqrt(fan_in(weight))
    return -edge, edge


def fan_in(weight: Tensor) -> int:
    return math.prod(weight.shape[1:])


def spread_fault(value: Tensor, mean: float, spread: float, kurtosis: float) -> str:
    """Mean and standard deviation within their standard errors."""
    count = value.numel()
    off = abs(value.mean().item() - mean) / (spread / math.sqrt(count))
    if off > DEVIATIONS:
        return f'mean {value.mean():g} instead of {mean:g}'
    found = (value - mean).square().mean().item() / spread ** 2
    if abs(found - 1) > DEVIATIONS * math.sqrt((kurtosis - 1) / count):
        return f'standard deviation {math.sqrt(found) * spread:g} instead of {spread:g}'
    return ''


def grid_fault(boxes: Tensor) -> str:
    """Query boxes: a grid in x and y, fixed height, size and speed, the rest normal."""
    side = math.isqrt(len(boxes))
    line = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    wanted = torch.stack([line.repeat_interleave(side), line.repeat(side)], 1)
    fixed = boxes[:, [2, 5, 8, 9]] - torch.tensor([0, 1.5, 0, 0], dtype=torch.float64)
    if not torch.allclose(boxes[:, :2], wanted, atol=1e-6) or fixed.any():
        return 'another grid, height or speed'
    return spread_fault(boxes[:, [3, 4, 6, 7]], 0.0, 1.0, kurtosis=3.0)
