from __future__ import annotations

import pytest
import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops.grouping import (
    gather_points,
    gather_points_backward,
    group_stacked_points,
    group_stacked_points_backward,
)


def test_against_loops():
    features = torch.randn(2, 3, 7)
    for shape in ((2, 4), (2, 4, 5)):
        indices = torch.randint(0, 7, shape, dtype=torch.int32)
        gathered = gather_points(features, indices)
        assert gathered.shape == (2, 3, *shape[1:])
        for sample in range(2):
            for place, row in enumerate(indices[sample].flatten().tolist()):
                assert torch.equal(gathered[sample].flatten(1)[:, place], features[sample, :, row])


class Gather(Function):
    @staticmethod
    def forward(ctx, features, indices):
        ctx.indices, ctx.points = indices, features.shape[2]
        return gather_points(features, indices)

    @staticmethod
    def backward(ctx, grad):
        return gather_points_backward(grad, ctx.indices, ctx.points), None


@pytest.mark.parametrize('shape', [(2, 4), (2, 4, 3), (2, 0, 3)])
def test_gradient(shape):
    features = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    indices = torch.randint(0, 5, shape)  # listed several times
    assert gradcheck(Gather.apply, (features, indices))


COUNTS = torch.tensor([3, 0, 4], dtype=torch.int32), torch.tensor([2, 0, 3], dtype=torch.int32)


def test_stacked_against_loops():
    features, indices = torch.randn(7, 2), torch.randint(0, 3, (5, 4), dtype=torch.int32)
    grouped = group_stacked_points(features, COUNTS[0], indices, COUNTS[1])
    for place, begin in enumerate([0, 0, 3, 3, 3]):
        for listed, row in enumerate(indices[place].tolist()):
            assert torch.equal(grouped[place, :, listed], features[begin + row])


class GroupStacked(Function):
    @staticmethod
    def forward(ctx, features, indices):
        ctx.indices, ctx.points = indices, len(features)
        return group_stacked_points(features, COUNTS[0], indices, COUNTS[1])

    @staticmethod
    def backward(ctx, grad):
        return group_stacked_points_backward(
            grad, COUNTS[0], ctx.indices, COUNTS[1], ctx.points), None


def test_stacked_gradient():
    features = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(GroupStacked.apply, (features, torch.randint(0, 3, (5, 4))))


def test_no_points_and_no_lists():
    none = torch.zeros(1, dtype=torch.int32)
    indices = torch.zeros(0, 4, dtype=torch.int32)
    assert group_stacked_points(torch.rand(5, 2), none + 5, indices, none).shape == (0, 2, 4)
    assert gather_points(torch.rand(2, 3, 0), torch.zeros(2, 0, dtype=torch.int32)).shape == (
        2, 3, 0)
    assert not group_stacked_points_backward(
        torch.rand(0, 2, 4), none + 5, indices, none, 5).any()
