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


@pytest.mark.parametrize('count', [1, 3, 7, 50])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('scene', ['lattice', 'plane', 'far apart', 'one place', 'outside'])
def test_cells_give_what_all_pairs_give(count, dtype, scene):
    """Whole numbers, so that equally near points are exactly equally near."""
    random = torch.Generator().manual_seed(count)
    points = torch.randint(0, 24, (600, 3), generator=random)
    queries = torch.randint(-3, 27, (80, 3), generator=random)
    if scene == 'plane':
        points[:, 2] = 5
    elif scene == 'far apart':
        points[300:] += 4000
    elif scene == 'one place':
        points[:560] = 7
    elif scene == 'outside':
        queries += 500
    points, queries = points.to(dtype), queries.to(dtype)
    expected = nearest_points(points, queries, count, 'reference')
    found = nearest_points(points, queries, count, grid_from=0, pairs_at_once=170)
    assert found[0].equal(expected[0]) and found[1].equal(expected[1])


@pytest.mark.parametrize('count', [1, 3, 50])
@pytest.mark.parametrize('columns', [1, 2, 4, 5])
def test_points_of_other_columns(count, columns):
    """mmdet3d's SASSD looks points up with the number of their sample as a fourth column."""
    random = torch.Generator().manual_seed(columns)
    points = torch.randint(0, 24, (600, columns), generator=random).float()
    queries = torch.randint(-3, 27, (80, columns), generator=random).float()
    expected = nearest_points(points, queries, count, 'reference')
    found = nearest_points(points, queries, count, grid_from=0, pairs_at_once=170)
    assert found[0].equal(expected[0]) and found[1].equal(expected[1])


def test_few_pairs_are_compared(monkeypatch):
    """Of 20,000 points and as many queries less than a hundredth of all pairs."""
    from sparse3d.ops import nearest_points as module
    points = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) * 50
    points[:, 2] = points[:, 0].sin()
    compared = []
    for name, pairs in (('_pair_distances', lambda a, b: len(a)),
                        ('squared_distances', lambda a, b: len(a) * len(b))):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda a, b, original=original, pairs=pairs: (
            compared.append(pairs(a, b)), original(a, b))[1])
    module.nearest_points(points, points + 0.01, 3)
    assert 0 < sum(compared) < len(points) ** 2 / 100


def test_fewer_points_than_asked_and_none():
    distances, rows = nearest_points(torch.tensor([[1.0, 0, 0], [3, 0, 0]]), torch.zeros(1, 3), 3)
    assert distances.tolist() == [[1, 9, torch.inf]] and rows.tolist() == [[0, 1, 0]]
    distances, rows = nearest_points(torch.zeros(0, 3), torch.zeros(2, 3), 3)
    assert distances.isinf().all() and not rows.any()
    assert nearest_points(torch.zeros(4, 3), torch.zeros(0, 3), 3)[1].shape == (0, 3)


@pytest.mark.parametrize('count', [3, 5])
@pytest.mark.parametrize('grid_from', [0, 1 << 20])
def test_a_nan_is_nowhere(count, grid_from):
    points = torch.rand(10, 3)
    points[4] = torch.nan
    distances, rows = nearest_points(points, points, count, grid_from=grid_from)
    kept = torch.arange(10) != 4
    assert not (rows[kept] == 4).any() and distances[4].isinf().all()
    with pytest.raises(BackendUnavailable, match="no backend 'heap'"):
        nearest_points(points, points, 3, backend='heap')


@pytest.mark.parametrize('dtype', [torch.float16, torch.int64])
@pytest.mark.parametrize('backend', ['fast', 'reference'])
def test_squares_do_not_overflow_in_coarse_types(dtype, backend):
    points = torch.tensor([[500, 0, 0], [400, 0, 0]]).to(dtype)
    distances, rows = nearest_points(points, torch.zeros(1, 3).to(dtype), 2, backend)
    assert rows.tolist() == [[1, 0]]
    assert distances.dtype == (torch.float16 if dtype == torch.float16 else torch.float32)


def test_tables_that_do_not_belong_together_are_refused():
    for points, queries in ((3, 2), (2, 3), (0, 0)):
        with pytest.raises(ValueError, match='same columns'):
            nearest_points(torch.zeros(4, points), torch.zeros(1, queries), 1)
    with pytest.raises(ValueError, match='count is -1'):
        nearest_points(torch.zeros(4, 3), torch.zeros(1, 3), -1)
