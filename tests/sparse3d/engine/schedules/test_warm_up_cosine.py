"""A warm-up by iteration in front of a cosine by epoch."""
from __future__ import annotations

import math

import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from sparse3d.engine.schedules import ExactWarmUpCosineLR
from sparse3d.errors import ConfigError


def rates(warmup_steps: int, epochs: int = 4, batches: int = 5, **options) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = PARAM_SCHEDULERS.build(
        dict(type='ExactWarmUpCosineLR', warmup_steps=warmup_steps, start_factor=0.5,
             eta_min_ratio=0.1, by_epoch=True, convert_to_iter_based=True, end=epochs,
             **options),
        default_args=dict(optimizer=optimizer, epoch_length=batches))
    seen = []
    for _ in range(epochs * batches):
        seen.append(optimizer.param_groups[0]['lr'] / 2)
        optimizer.step()
        schedule.step()
    return seen


def test_steps_of_an_epoch():
    seen = rates(warmup_steps=0)
    for epoch in range(4):
        expected = 0.1 + 0.9 / 2 * (1 + math.cos(math.pi * epoch / 4))
        assert seen[5 * epoch:5 * epoch + 5] == pytest.approx([expected] * 5)


def test_steps_of_an_iteration():
    seen = rates(warmup_steps=4, by_iteration=True)
    for step in range(20):
        warm = 0.5 + 0.5 * step / 4 if step < 4 else 1
        expected = 0.1 + 0.9 / 2 * (1 + math.cos(math.pi * step / 20))
        assert seen[step] == pytest.approx(expected * warm)


def test_a_warm_up_that_outlasts_an_epoch():
    plain, warm = rates(0), rates(8)
    for step in range(20):
        factor = 0.5 + 0.5 * step / 8 if step < 8 else 1
        assert warm[step] == pytest.approx(plain[step] * factor)


def test_it_needs_the_length_of_an_epoch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    with pytest.raises(ConfigError, match='how long an epoch is'):
        ExactWarmUpCosineLR(optimizer, total_steps=9)
