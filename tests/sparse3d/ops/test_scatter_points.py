from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops.scatter_points import scatter_points, scatter_points_backward

MODES = ('max', 'sum', 'mean')


def given(points=60):
    coordinates = torch.randint(-1, 3, (points, 3), dtype=torch.int32)
    return torch.randn(points, 4, dtype=torch.float64), coordinates


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('backend', ['auto', 'reference'])
def test_against_numpy(mode, backend):
    features, coordinates = given()
    kept = (coordinates.numpy() >= 0).all(1)
    cells, inverse, counts = np.unique(coordinates.numpy()[kept], axis=0, return_inverse=True,
                                       return_counts=True)
    inverse = inverse.reshape(-1)
    reduced = np.stack([getattr(features.numpy()[kept][inverse == cell], mode)(0)
                        for cell in range(len(cells))])
    scattered = scatter_points(features, coordinates, mode, backend)
    assert np.allclose(scattered.features, reduced)
    assert np.array_equal(scattered.coordinates, cells)
    assert scattered.coordinates.dtype == torch.int32
    assert np.array_equal(scattered.counts, counts)
    assert np.array_equal(scattered.voxel[kept], inverse) and (scattered.voxel[~kept] == -1).all()


class Scatter(Function):
    @staticmethod
    def forward(ctx, features, coordinates, mode):
        scattered = scatter_points(features, coordinates, mode)
        ctx.saved = features, scattered, mode
        return scattered.features

    @staticmethod
    def backward(ctx, grad):
        features, scattered, mode = ctx.saved
        return scatter_points_backward(
            grad, features, scattered.features, scattered.voxel, scattered.counts, mode), None, None


@pytest.mark.parametrize('mode', MODES)
def test_gradient(mode):
    features, coordinates = given(30)
    assert gradcheck(Scatter.apply, (features.requires_grad_(), coordinates, mode))


def test_of_equal_maxima_the_lowest_row_gets_the_gradient():
    features, coordinates = torch.ones(4, 1), torch.tensor([[1, 1], [0, 0], [1, 1], [0, 0]])
    features[1] = 0
    found = scatter_points(features, coordinates)
    grad = scatter_points_backward(
        torch.tensor([[3.0], [5.0]]), features, found.features, found.voxel, found.counts)
    assert grad.tolist() == [[5.0], [0.0], [0.0], [3.0]]


@pytest.mark.parametrize('mode', MODES)
def test_no_point_or_none_inside(mode):
    for features, coordinates in ((torch.rand(0, 4), torch.zeros(0, 3, dtype=torch.int32)),
                                  (torch.rand(5, 4), -torch.ones(5, 3, dtype=torch.int32))):
        found = scatter_points(features, coordinates, mode)
        assert found.features.shape == (0, 4) and found.coordinates.shape == (0, 3)
        assert not scatter_points_backward(
            found.features, features, found.features, found.voxel, found.counts, mode).any()


def test_huge_coordinates_do_not_collide():
    coordinates = torch.tensor([[2 ** 30, 5, 2 ** 30], [2 ** 30, 5, 0], [2 ** 30, 5, 2 ** 30]],
                               dtype=torch.int32)
    found = scatter_points(torch.ones(3, 1), coordinates, 'sum')
    assert found.features.tolist() == [[1], [2]]


def test_a_nan_is_no_maximum_and_an_unknown_mode_is_refused():
    features = torch.tensor([[torch.nan], [1.0]])
    assert scatter_points(features, torch.zeros(2, 3, dtype=torch.int32)).features.tolist() == [[1]]
    with pytest.raises(ValueError, match="not 'median'"):
        scatter_points(features, torch.zeros(2, 3, dtype=torch.int32), 'median')
