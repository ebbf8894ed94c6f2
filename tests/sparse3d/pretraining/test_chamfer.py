from __future__ import annotations

import pytest
import torch

from sparse3d.pretraining import chamfer
from sparse3d.pretraining.chamfer import chamfer_loss


def by_loop(predicted, true, valid):
    first, second = [], []
    for own, others, there in zip(predicted, true, valid, strict=True):
        others = others[there]
        if len(others):
            first += [min(float((a - b).square().sum()) for b in others) for a in own]
            second += [min(float((a - b).square().sum()) for a in own) for b in others]
    return sum(first) / len(first) + sum(second) / len(second)


def sets(seed=0, count=5):
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 4, 3, generator=random), torch.rand(count, 6, 3, generator=random),
            torch.rand(count, 6, generator=random) > 0.4)


@pytest.mark.parametrize('at_once', [2, 4096])
def test_agrees_with_a_loop(monkeypatch, at_once):
    monkeypatch.setattr(chamfer, 'SETS_AT_ONCE', at_once)
    predicted, true, valid = sets()
    valid[2] = False
    assert float(chamfer_loss(predicted, true, valid)) == pytest.approx(
        by_loop(predicted, true, valid), rel=1e-5)


def test_by_hand():
    predicted = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
    true = torch.tensor([[[0.0, 0, 0], [0, 2, 0], [9, 9, 9]]])
    # 0 and 1 from the predicted ones, 0 and 4 from the true ones; the third is no point.
    loss = chamfer_loss(predicted, true, torch.tensor([[True, True, False]]))
    assert float(loss) == pytest.approx(0.5 + 2.0)


def test_gradients():
    predicted, true, valid = sets(1, 3)
    predicted = predicted.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: chamfer_loss(p, true.double(), valid), predicted)


def test_nothing_to_compare_is_zero_with_a_gradient():
    predicted = torch.rand(2, 4, 3, requires_grad=True)
    loss = chamfer_loss(predicted, torch.rand(2, 6, 3), torch.zeros(2, 6).bool())
    loss.backward()
    assert float(loss) == 0 and not predicted.grad.any()
    assert float(chamfer_loss(torch.zeros(0, 4, 3), torch.zeros(0, 6, 3),
                              torch.zeros(0, 6).bool())) == 0
