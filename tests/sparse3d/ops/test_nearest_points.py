from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.nearest_points import nearest_points


def by_loops(points, queries, count):
    """Distance, then row, in a plain sort."""
    listed = [sorted((((query - point) ** 2).sum(), row) for row, point in enumerate(points))
              for query in queries]
    padded = [(of_query + [(np.inf, 0)] * count)[:count] for of_query in listed]
    return np.array(padded).reshape(-1, count, 2)


@pytest.mark.parametrize('count', [1, 3, 7, 50])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('backend', ['auto', 'reference'])
def test_against_loops_with_ties(count, dtype, backend):
    points = torch.randint(0, 4, (40, 3)).to(dtype)
    queries = torch.randint(0, 4, (15, 3)).to(dtype)
    expected = by_loops(points.double().numpy(), queries.double().numpy(), count)
    distances, rows = nearest_points(points, queries, count, backend, pairs_at_once=170)
    assert distances.dtype == dtype
    assert np.array_equal(distances.numpy(), expected[..., 0])
    assert np.array_equal(rows.numpy(), expected[..., 1])


def test_fewer_points_than_asked_and_none():
    distances, rows = nearest_points(torch.tensor([[1.0, 0, 0], [3, 0, 0]]), torch.zeros(1, 3), 3)
    assert distances.tolist() == [[1, 9, torch.inf]] and rows.tolist() == [[0, 1, 0]]
    distances, rows = nearest_points(torch.zeros(0, 3), torch.zeros(2, 3), 3)
    assert distances.isinf().all() and not rows.any()
    assert nearest_points(torch.zeros(4, 3), torch.zeros(0, 3), 3)[1].shape == (0, 3)


@pytest.mark.parametrize('count', [3, 5])
def test_a_nan_is_nowhere(count):
    points = torch.rand(10, 3)
    points[4] = torch.nan
    distances, rows = nearest_points(points, points, count)
    kept = torch.arange(10) != 4
    assert not (rows[kept] == 4).any() and distances[4].isinf().all()
    with pytest.raises(BackendUnavailable, match="no backend 'heap'"):
        nearest_points(points, points, 3, backend='heap')
