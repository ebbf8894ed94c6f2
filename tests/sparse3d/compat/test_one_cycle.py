"""One cycles of mmengine so short that their rise takes no step."""
from __future__ import annotations

import math

import pytest
import torch
from mmengine.optim import OneCycleLR
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

import sparse3d.register  # noqa: F401  (repairs)


def rates(total, share, three_phase=False):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = OneCycleLR(optimizer, eta_max=1.0, total_steps=total, pct_start=share,
                          three_phase=three_phase)
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize('three_phase', [False, True])
@pytest.mark.parametrize('total', range(1, 13))
@pytest.mark.parametrize('share', [0.0, 0.1, 0.25, 0.4, 0.5, 1.0])
def test_cycles_of_few_steps_have_finite_rates(total, share, three_phase):
    found = rates(total, share, three_phase)
    assert all(math.isfinite(rate) and 0 < rate <= 1 + 1e-9 for rate in found)


def test_a_tenth_of_ten_steps_begins_at_the_height_and_falls():
    found = rates(10, 0.1)
    assert found[0] == pytest.approx(1.0) and found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(1 / 25 / 1e4, abs=1e-6)


@pytest.mark.parametrize('total', [1, 2, 3])
def test_the_height_is_not_passed_over(total):
    found = rates(total, 0.3)
    assert found[0] == pytest.approx(1.0) and found == sorted(found, reverse=True)


def test_upstream_divides_by_zero(monkeypatch):
    monkeypatch.setattr(OneCycleParamScheduler, '_get_value',
                        OneCycleParamScheduler._get_value.upstream)
    with pytest.raises(ZeroDivisionError):
        rates(10, 0.1)


def test_longer_cycles_are_as_before(monkeypatch):
    ours = rates(37, 0.3)
    monkeypatch.setattr(OneCycleParamScheduler, '_get_value',
                        OneCycleParamScheduler._get_value.upstream)
    assert rates(37, 0.3) == ours
