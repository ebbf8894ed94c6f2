from __future__ import annotations

import pytest
import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops import assign_scores as operator
from sparse3d.ops.assign_scores import assign_scores, assign_scores_backward


def given(places=5, rows=6):
    samples, listed, weights, channels = 2, 3, 4, 2
    return (torch.randn(samples, places, listed, weights, dtype=torch.float64),
            torch.randn(samples, rows, weights, channels, dtype=torch.float64),
            torch.randn(samples, rows, weights, channels, dtype=torch.float64),
            torch.randint(0, max(rows, 1), (samples, places, listed)))


@pytest.mark.parametrize('at_once', [1, 1 << 20])
def test_against_loops(at_once, monkeypatch):
    monkeypatch.setattr(operator, 'NUMBERS_AT_ONCE', at_once)
    scores, points, centers, neighbors = given()
    neighbors[0, 1, 2] = 6  # no such row
    neighbors[1, 2, 1] = -1
    result = assign_scores(scores, points, centers, neighbors)
    for b in range(2):
        for n in range(5):
            for k in range(3):
                row = int(neighbors[b, n, k])
                expected = torch.zeros(2, dtype=torch.float64)
                if 0 <= row < 6:
                    for m in range(4):
                        expected += scores[b, n, k, m] * (
                            points[b, row, m] - centers[b, neighbors[b, n, 0], m])
                assert torch.allclose(result[b, :, n, k], expected, atol=1e-12)


class Assign(Function):
    @staticmethod
    def forward(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        return assign_scores(*inputs)

    @staticmethod
    def backward(ctx, grad):
        return *assign_scores_backward(grad, *ctx.saved_tensors), None


def test_gradients():
    *tables, neighbors = given()
    neighbors[0, 1, 2] = 6
    assert gradcheck(Assign.apply, (*(table.requires_grad_() for table in tables), neighbors))


def test_nowhere_and_without_points():
    assert assign_scores(*given(places=0)).shape == (2, 2, 0, 3)
    assert not assign_scores(*given(rows=0)).any()
