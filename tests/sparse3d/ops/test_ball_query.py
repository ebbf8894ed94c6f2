from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.ops.ball_query import ball_query


def in_one_sample(points, queries, *options, **named):
    samples = torch.zeros(len(points)).long(), torch.zeros(len(queries)).long()
    return ball_query(points, samples[0], queries, samples[1], *options, **named)


def kernel(points, queries, radius, limit, min_radius):
    """mmcv's kernel, one query after the other, in float32."""
    rows, empty = np.zeros((len(queries), limit), int), []
    outer, inner = np.float32(radius) ** 2, np.float32(min_radius) ** 2
    for place, query in enumerate(queries):
        count = 0
        for row, point in enumerate(points):
            x, y, z = query - point
            distance = x * x + y * y + z * z
            if distance == 0 or inner <= distance < outer:
                if count == 0:
                    rows[place] = row
                rows[place, count] = row
                count += 1
                if count == limit:
                    break
        empty.append(count == 0)
    return rows.tolist(), empty


@pytest.mark.parametrize('min_radius', [0.0, 1.0, 2.0])
@pytest.mark.parametrize('backend', ['auto', 'reference'])
def test_as_the_kernel_with_points_on_both_spheres(min_radius, backend):
    points, queries = torch.randint(0, 8, (60, 3)).float(), torch.randint(-2, 8, (25, 3)).float()
    expected = kernel(points.numpy(), queries.numpy(), 3.0, 6, min_radius)
    rows, empty = in_one_sample(points, queries, 3.0, 6, min_radius, backend, pairs_at_once=130)
    assert (rows.tolist(), empty.tolist()) == expected
    assert any(expected[1]) and not all(expected[1])


def test_the_upper_radius_is_left_out_the_lower_is_not_and_the_query_itself_counts():
    points = torch.tensor([[2.0, 0, 0], [0, 1.0, 0], [0, 0, 0], [0.5, 0, 0]])
    query = torch.zeros(1, 3)
    assert in_one_sample(points, query, 2.0, 4)[0].tolist() == [[1, 2, 3, 1]]
    assert in_one_sample(points, query, 2.0, 4, min_radius=1.0)[0].tolist() == [[1, 2, 1, 1]]


def test_what_is_not_finite_is_near_nothing_and_hides_nothing():
    points, queries = torch.rand(200, 3) * 5, torch.rand(30, 3) * 5
    points[3], points[7, 1], points[9, 0] = torch.nan, torch.inf, -torch.inf
    queries[2], queries[4, 0], queries[5] = torch.nan, torch.inf, 1e30
    rows, empty = in_one_sample(points, queries, 1.5, 8)
    expected, none = in_one_sample(points, queries, 1.5, 8, backend='reference')
    assert torch.equal(rows, expected) and torch.equal(empty, none)
    assert empty[[2, 4, 5]].all() and not empty[6:].any()
    assert not ((rows == 3) | (rows == 7) | (rows == 9)).any()


def test_no_points_no_queries_and_a_nan():
    rows, empty = in_one_sample(torch.zeros(0, 3), torch.zeros(3, 3), 1.0, 4)
    assert not rows.any() and empty.all() and rows.shape == (3, 4)
    assert in_one_sample(torch.zeros(3, 3), torch.zeros(0, 3), 1.0, 4)[0].shape == (0, 4)
    assert in_one_sample(torch.full((3, 3), torch.nan), torch.zeros(2, 3), 1.0, 4)[1].all()
