from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops.sigmoid_focal_loss import sigmoid_focal_loss, sigmoid_focal_loss_backward


@pytest.mark.parametrize('weight', [[], [1.0, 2.0, 0.5]])
def test_against_loops(weight):
    logits = torch.randn(5, 3, dtype=torch.float64)
    target = torch.tensor([0, 2, 3, 1, -1])  # 3 and -1 are background
    weights = torch.tensor(weight, dtype=torch.float64)
    loss = sigmoid_focal_loss(logits, target, weights, 2.0, 0.25)
    for row in range(5):
        for column in range(3):
            score = 1 / (1 + math.exp(-logits[row, column]))
            expected = -0.75 * score ** 2 * math.log(1 - score)
            if target[row] == column:
                expected = -0.25 * (1 - score) ** 2 * math.log(score)
            if weight and 0 <= target[row] < 3:
                expected *= weight[target[row]]
            assert float(loss[row, column]) == pytest.approx(expected)


class Loss(Function):
    @staticmethod
    def forward(ctx, logits, target, weight):
        ctx.saved = logits, target, weight
        return sigmoid_focal_loss(logits, target, weight, 1.5, 0.3)

    @staticmethod
    def backward(ctx, grad):
        return grad * sigmoid_focal_loss_backward(*ctx.saved, 1.5, 0.3), None, None


def test_gradient():
    logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3, 4, 0])
    for weight in (torch.rand(4, dtype=torch.float64), logits.new_empty(0)):
        assert gradcheck(Loss.apply, (logits, target, weight))


def test_sure_logits_stay_finite_and_no_rows_are_no_loss():
    logits = torch.tensor([[200.0, -200.0]])
    for target in (0, 1, 2):
        given = logits, torch.tensor([target]), logits.new_empty(0), 2.0, 0.25
        assert sigmoid_focal_loss(*given).isfinite().all()
        assert sigmoid_focal_loss_backward(*given).isfinite().all()
    none = logits[:0], torch.zeros(0, dtype=torch.long), logits.new_empty(0), 2.0, 0.25
    assert sigmoid_focal_loss(*none).shape == (0, 2)
