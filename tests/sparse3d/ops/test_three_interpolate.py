from __future__ import annotations

import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops.three_interpolate import three_interpolate, three_interpolate_backward


class Interpolate(Function):
    @staticmethod
    def forward(ctx, features, indices, weights):
        ctx.saved = indices, weights, features.shape[2]
        return three_interpolate(features, indices, weights)

    @staticmethod
    def backward(ctx, grad):
        return three_interpolate_backward(grad, *ctx.saved), None, None


def given(places=6):
    return (torch.randn(2, 3, 5, dtype=torch.float64), torch.randint(0, 5, (2, places, 3)),
            torch.rand(2, places, 3, dtype=torch.float64))


def test_against_loops():
    features, indices, weights = given()
    result = three_interpolate(features, indices, weights)
    for sample in range(2):
        for place in range(6):
            expected = sum(features[sample, :, row] * weight for row, weight in zip(
                indices[sample, place], weights[sample, place], strict=True))
            assert torch.allclose(result[sample, :, place], expected, atol=1e-14)


def test_gradient():
    features, indices, weights = given()
    indices[0, 0] = 2  # three times the same point
    assert gradcheck(Interpolate.apply, (features.requires_grad_(), indices, weights))


def test_nowhere():
    assert three_interpolate(*given(0)).shape == (2, 3, 0)
    features, indices, weights = given(0)
    assert not three_interpolate_backward(torch.zeros(2, 3, 0), indices, weights.float(), 5).any()
