"""Furthest point sampling against the CUDA kernel's threads, written out."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.furthest_point_sampling import (
    furthest_point_sampling,
    furthest_point_sampling_with_distances,
    furthest_points,
    tie_order,
)


def threads_of_a_gpu(distances: np.ndarray, count: int) -> list[int]:  # [N, N]
    """What mmcv's kernel does, thread by thread."""
    size = len(distances)
    threads = min(1 << int(np.log(size) / np.log(2)), 1024)
    nearest, chosen = np.full(size, 1e10), [0]
    for _ in range(1, count):
        best, rows = np.full(threads, -1.0), np.zeros(threads, int)
        for row in range(size):
            nearest[row] = min(distances[chosen[-1], row], nearest[row])
            if nearest[row] > best[row % threads]:
                best[row % threads], rows[row % threads] = nearest[row], row
        half = threads // 2
        while half >= 1:
            for thread in range(half):
                if best[thread + half] > best[thread]:
                    best[thread], rows[thread] = best[thread + half], rows[thread + half]
            half //= 2
        chosen.append(int(rows[0]))
    return chosen


def table_of(points: torch.Tensor) -> torch.Tensor:
    return (points[:, :, None] - points[:, None]).square().sum(3)


@pytest.mark.parametrize('size', [1, 2, 3, 5, 16, 33, 100, 1030])
def test_as_the_threads_of_a_gpu_with_many_ties(size):
    points = torch.randint(0, 4, (2, size, 3)).float()
    count = min(size + 3, 40)
    expected = [threads_of_a_gpu(table.numpy(), count) for table in table_of(points)]
    assert furthest_point_sampling(points, count).tolist() == expected
    assert furthest_point_sampling(points, count, backend='reference').tolist() == expected
    assert furthest_point_sampling_with_distances(table_of(points), count).tolist() == expected


def test_by_hand_and_each_point_once():
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [9, 0, 0], [4, 0, 0]]])
    rows = furthest_point_sampling(points, 4)
    assert rows.tolist() == [[0, 2, 3, 1]] and rows.dtype == torch.int32
    rows = furthest_point_sampling(torch.rand(2, 200, 3), 200)
    assert (rows.sort(1).values == torch.arange(200)).all()


def test_of_two_equally_far_rows_the_lowest_reversed_thread_wins():
    distances = torch.ones(1, 4, 4)
    assert furthest_point_sampling_with_distances(distances, 2).tolist() == [[0, 0]]
    distances[0, 0, 0] = 0
    assert furthest_point_sampling_with_distances(distances, 2).tolist() == [[0, 2]]
    assert tie_order(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]


def test_distances_of_features_need_not_be_symmetric():
    distances = torch.rand(2, 60, 60)
    expected = [threads_of_a_gpu(table.numpy(), 20) for table in distances]
    assert furthest_point_sampling_with_distances(distances, 20).tolist() == expected
    assert furthest_point_sampling_with_distances(distances, 20, 'reference').tolist() == expected


def test_nothing_to_choose_from_and_nothing_asked():
    with pytest.raises(ValueError, match='5 points cannot be chosen from a cloud without points'):
        furthest_point_sampling(torch.zeros(1, 0, 3), 5)
    with pytest.raises(ValueError, match='cloud without points'):
        furthest_point_sampling_with_distances(torch.zeros(1, 0, 0), 5)
    assert furthest_point_sampling(torch.zeros(0, 4, 3), 5).shape == (0, 5)
    assert furthest_point_sampling(torch.zeros(2, 4, 3), 0).shape == (2, 0)
    with pytest.raises(BackendUnavailable, match="no backend 'quick'"):
        furthest_point_sampling(torch.zeros(1, 4, 3), 2, backend='quick')


def test_a_point_with_a_nan_is_furthest():
    points = torch.rand(1, 8, 3)
    points[0, 5] = torch.nan
    assert furthest_point_sampling(points, 3).tolist() == [[0, 5, 5]]


def test_furthest_points_by_hand():
    points = torch.tensor([[0., 0, 0], [1, 0, 0], [9, 0, 0], [0, 4, 0], [9, 0, 0]])
    assert furthest_points(points, 4).tolist() == [0, 2, 3, 1]
    assert furthest_points(points[:2], 5).tolist() == [0, 1, 0, 1, 0]
    with pytest.raises(ValueError, match='without points'):
        furthest_points(points[:0], 1)


def test_furthest_points_agree_with_a_loop():
    points = torch.randn(60, 3)
    table, chosen = torch.cdist(points.double(), points.double()), [0]
    while len(chosen) < 20:
        chosen.append(int(table[chosen].amin(0).argmax()))
    assert furthest_points(points, 20).tolist() == chosen
