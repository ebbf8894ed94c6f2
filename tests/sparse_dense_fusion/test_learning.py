"""It learns two frames by heart, and goes on after an interruption as if there had been none."""
from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

BOUND = 0.25  # of the first loss; all losses are on


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, loss_of, data: dict,
          count: int) -> list[float]:
    curve = []
    for _ in range(count):
        optimizer.zero_grad()
        total = loss_of(model, copy.deepcopy(data))
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        curve.append(total.item())
    return curve


@pytest.mark.slow
@pytest.mark.parametrize('branches', ['both', 'dense', 'sparse'])
def test_two_frames_in_a_hundred_steps(tiny_model, draw_batch, loss_of, branches):
    model = tiny_model(branches != 'sparse', branches != 'dense').train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    curve = steps(model, optimizer, loss_of, draw_batch(2), 100)
    assert sum(curve[-5:]) / 5 < BOUND * curve[0], curve[::10]


def test_an_interrupted_training_goes_on_bit_for_bit(tiny_model, draw_batch, loss_of):
    model, data = tiny_model().train(), draw_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    steps(model, optimizer, loss_of, data, 2)
    stored = io.BytesIO()
    torch.save((model.state_dict(), optimizer.state_dict()), stored)
    whole = steps(model, optimizer, loss_of, data, 2)
    stored.seek(0)
    weights, state = torch.load(stored, weights_only=True)
    again = tiny_model().train()
    again.load_state_dict(weights)
    optimizer = torch.optim.AdamW(again.parameters(), lr=1e-3)
    optimizer.load_state_dict(state)
    assert steps(again, optimizer, loss_of, data, 2) == whole
    now = model.state_dict()
    assert all(torch.equal(value, now[name]) for name, value in again.state_dict().items())
