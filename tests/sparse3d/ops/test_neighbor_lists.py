"""Ball query, voxel query and furthest points: by hand, against loops, and at the edges."""
from __future__ import annotations

import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.ball_query import ball_query
from sparse3d.ops.voxel_query import voxel_query


def test_ball_by_hand():
    points = torch.tensor([[0., 0, 0], [5, 0, 0], [0.5, 0, 0], [0, 0.9, 0], [0, 0, 0.1]])
    sample = torch.tensor([0, 0, 0, 0, 1])
    queries, of = torch.tensor([[0., 0, 0], [5, 0.2, 0], [9, 9, 9]]), torch.tensor([0, 0, 1])
    rows, empty = ball_query(points, sample, queries, of, 1.0, 3)
    assert rows.tolist() == [[0, 2, 3], [1, 1, 1], [0, 0, 0]]
    assert empty.tolist() == [False, False, True]
    assert ball_query(points, sample, queries, of, 1.0, 2)[0].tolist()[0] == [0, 2]
    # A point at the radius itself is not inside.
    assert ball_query(points, sample, queries[:1], of[:1], 0.5, 2)[0].tolist() == [[0, 0]]


@pytest.mark.parametrize(('radius', 'limit'), [(0.1, 4), (0.7, 16), (3., 5), (50., 7)])
def test_ball_agrees_with_all_distances(radius, limit):
    points, queries = torch.randn(300, 3) * 2, torch.randn(80, 3) * 3
    sample, of = torch.randint(0, 3, (300,)), torch.randint(0, 3, (80,))
    given = points, sample, queries, of, radius, limit
    rows, empty = ball_query(*given, pairs_at_once=500)  # many chunks
    expected, none = ball_query(*given, backend='reference')
    assert torch.equal(empty, none) and torch.equal(rows, expected)


def test_voxels_by_hand():
    coordinates = torch.tensor([[0, 1, 1, 3], [0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]])
    centers = coordinates[:, [3, 2, 1]] + 0.5
    query = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 1], [1, 1, 1, 3], [0, 1, 1, 9]])
    at = query[:, [3, 2, 1]] + 0.5
    rows, empty = voxel_query(coordinates, centers, query, at, [2, 3, 5], [1, 1, 2], 2.0, 3)
    assert rows.tolist() == [[3, 1, 0], [3, 1, 0], [2, 2, 2], [0, 0, 0]]
    assert empty.tolist() == [False, False, False, True]
    rows, _ = voxel_query(coordinates, centers, query[:1], at[:1], [2, 3, 5], [0, 1, 2], 1.9, 3)
    assert rows.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(('reach', 'radius', 'limit'), [
    ((4, 4, 4), 0.9, 16), ((1, 2, 3), 5., 4), ((0, 1, 0), 1., 2)])
def test_voxels_agree_with_all_pairs(reach, radius, limit):
    shape = [6, 9, 8]
    cells = torch.randperm(2 * 6 * 9 * 8)[:400]
    coordinates = torch.stack([cells // 432, cells // 72 % 6, cells // 8 % 9, cells % 8], 1)
    size = torch.tensor([0.2, 0.2, 0.4])
    queries = torch.rand(100, 3) * 6 - 2  # many are outside
    sample = torch.randint(0, 2, (100, 1))
    wanted = torch.cat([sample, (queries / size).floor().long().flip(1)], 1)
    given = (coordinates, (coordinates[:, [3, 2, 1]] + 0.5) * size, wanted, queries, shape, reach,
             radius, limit)
    rows, empty = voxel_query(*given, pairs_at_once=300)
    expected, none = voxel_query(*given, backend='reference')
    assert torch.equal(empty, none) and torch.equal(rows, expected)
    assert 0 < empty.sum() < 100


def test_nothing_to_find_and_nothing_to_ask():
    none = torch.zeros(0, 3)
    rows, empty = ball_query(none, torch.zeros(0).long(), torch.zeros(2, 3), torch.zeros(2).long(),
                             1.0, 3)
    assert rows.tolist() == [[0] * 3] * 2 and empty.all()
    assert ball_query(torch.zeros(2, 3), torch.zeros(2).long(), none, torch.zeros(0).long(),
                      1.0, 3)[0].shape == (0, 3)
    cells = torch.zeros(0, 4).long()
    rows, empty = voxel_query(cells, none, torch.zeros(2, 4), torch.zeros(2, 3), [1, 1, 1],
                              [1, 1, 1], 1.0, 3)
    assert rows.shape == (2, 3) and empty.all()
    assert voxel_query(torch.zeros(1, 4), torch.zeros(1, 3), cells, none, [1, 1, 1], [1, 1, 1],
                       1.0, 3)[0].shape == (0, 3)


def test_unknown_backends():
    nothing = torch.zeros(0, 3), torch.zeros(0).long()
    with pytest.raises(BackendUnavailable, match='no backend'):
        ball_query(*nothing, *nothing, 1.0, 1, backend='cuda')
    with pytest.raises(BackendUnavailable, match='no backend'):
        voxel_query(torch.zeros(0, 4), nothing[0], torch.zeros(0, 4), nothing[0], [1] * 3, [1] * 3,
                    1.0, 1, backend='cuda')
