"""Rates and momenta of one cycle, in every group on its own level."""
from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from sparse3d.engine.schedules import (
    ExactOneCycleLR,
    ExactOneCycleMomentum,
    refuse_lost_multipliers,
)
from sparse3d.errors import CheckpointError, ConfigError

RATES = (1e-2, 1e-3)


def optimizer(betas=(0.95, 0.99)) -> torch.optim.AdamW:
    groups = [dict(params=[nn.Parameter(torch.zeros(1))], lr=rate) for rate in RATES]
    return torch.optim.AdamW(groups, betas=betas)


def values(schedule, key, steps: int) -> list[list[float]]:
    """Of each group what is in force in each iteration."""
    seen = []
    for _ in range(steps):
        seen.append([key(group) for group in schedule.optimizer.param_groups])
        schedule.optimizer.step()
        schedule.step()
    return seen


def test_ten_iterations_by_hand():
    schedule = ExactOneCycleLR(optimizer(), pct_start=0.4, div_factor=10, final_div_factor=100,
                               total_steps=10)
    rates = values(schedule, lambda group: group['lr'], 12)
    own = [rate[0] / RATES[0] for rate in rates]
    assert own[0] == pytest.approx(0.1) and own[4] == pytest.approx(1)
    assert own[2] == pytest.approx(0.55)           # half way up
    assert own[7] == pytest.approx(0.001 + 0.999 / 2)  # half way down: 3 of 6
    assert own[4] == max(own) and own[9] > 0.001   # the last is reached one later
    assert own[10:] == pytest.approx([0.001] * 2)  # and stays there
    for rate in rates:                             # lr_mult holds throughout
        assert rate[1] == pytest.approx(rate[0] * RATES[1] / RATES[0], rel=1e-12)


def test_agrees_with_pytorch_up_to_its_shorter_phases():
    """torch ends its phases at ``pct * n - 1`` and ``n - 1``: ours with n shorter by one."""
    theirs = optimizer()
    reference = torch.optim.lr_scheduler.OneCycleLR(
        theirs, list(RATES), total_steps=41, pct_start=17 / 41, div_factor=25,
        final_div_factor=1e4, cycle_momentum=False)
    schedule = ExactOneCycleLR(optimizer(), pct_start=0.4, div_factor=25, total_steps=40)
    for mine in values(schedule, lambda group: group['lr'], 40):
        assert mine == pytest.approx([group['lr'] for group in theirs.param_groups], rel=1e-9)
        theirs.step()
        reference.step()


def test_momentum_falls_and_comes_back():
    schedule = ExactOneCycleMomentum(optimizer((0.9, 0.999)), total_steps=20,
                                     eta_min_ratio=0.85 / 0.95)
    betas = values(schedule, lambda group: group['betas'], 20)
    assert betas[0] == [(0.9, 0.999)] * 2
    assert betas[8][0] == pytest.approx((0.9 * 0.85 / 0.95, 0.999))
    assert betas[8][0][0] == min(beta[0][0] for beta in betas)


@pytest.mark.parametrize('steps', [1, 2, 3, 10])
def test_a_training_of_few_iterations(steps):
    schedule = ExactOneCycleLR(optimizer(), pct_start=0.1, total_steps=steps)
    rates = values(schedule, lambda group: group['lr'], steps)
    assert all(0 < rate[0] <= RATES[0] for rate in rates)


def test_lengths_in_epochs():
    built = PARAM_SCHEDULERS.build(
        dict(type='ExactOneCycleLR', by_epoch=True, convert_to_iter_based=True, begin=1, end=3),
        default_args=dict(optimizer=optimizer(), epoch_length=7))
    assert (built.begin, built.end, built.total_steps, built.by_epoch) == (7, 21, 14, False)


def test_resumes_where_it_was_and_follows_the_length_of_the_config():
    first = ExactOneCycleLR(optimizer(), total_steps=20)
    values(first, lambda group: group['lr'], 6)
    longer = ExactOneCycleLR(optimizer(), total_steps=40)
    longer.load_state_dict(first.state_dict())
    whole = ExactOneCycleLR(optimizer(), total_steps=40)
    expected = values(whole, lambda group: group['lr'], 8)[7]
    longer.step()
    assert [group['lr'] for group in longer.optimizer.param_groups] == pytest.approx(expected)


def test_a_checkpoint_of_another_schedule_is_refused():
    other = PARAM_SCHEDULERS.build(dict(
        type='OneCycleLR', optimizer=optimizer(), eta_max=0.1, total_steps=9, by_epoch=False))
    with pytest.raises(CheckpointError, match='another schedule than ExactOneCycleLR'):
        ExactOneCycleLR(optimizer(), total_steps=9).load_state_dict(other.state_dict())


@pytest.mark.parametrize(('options', 'message'), [
    (dict(), 'how long it is'), (dict(total_steps=0), '0 iterations'),
    (dict(total_steps=9, pct_start=1.0), 'pct_start is 1.0'),
    (dict(total_steps=9, by_epoch=True), 'convert_to_iter_based')])
def test_what_it_cannot_mean_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ExactOneCycleLR(optimizer(), **options)


def test_a_schedule_that_would_undo_lr_mult_is_refused():
    model = nn.ModuleDict(dict(backbone=nn.Linear(2, 2), head=nn.Linear(2, 2)))
    settings = dict(optimizer=dict(type='AdamW', lr=8e-4))
    cycle = dict(type='OneCycleLR', eta_max=8e-4, total_steps=4)
    refuse_lost_multipliers([cycle], build_optim_wrapper(model, settings))
    settings = dict(optimizer=dict(type='AdamW', lr=8e-4),
                    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
    wrapper = build_optim_wrapper(model, settings)
    with pytest.raises(ConfigError, match='8e-05, 0.0008, but OneCycleLR .* ExactOneCycleLR'):
        refuse_lost_multipliers(cycle, wrapper)
    refuse_lost_multipliers([dict(type='ExactOneCycleLR')], wrapper)
