from __future__ import annotations

import torch

from sparse3d.ops.pair_chunks import row_chunks, squared_distances


def test_chunks_cover_the_rows_once_and_bound_the_pairs():
    for rows, columns, at_once in ((10, 3, 7), (10, 3, 1), (1, 100, 7), (0, 5, 7), (5, 0, 7)):
        chunks = list(row_chunks(rows, columns, at_once))
        assert [row for part in chunks for row in range(part.start, part.stop)] == list(range(rows))
        assert all((part.stop - part.start) * columns <= max(at_once, columns) for part in chunks)


def test_equal_points_are_at_exactly_zero():
    points = torch.rand(50, 3) * 1000 + 12345
    distances = squared_distances(points, points)
    assert (distances.diagonal() == 0).all()
    assert torch.allclose(distances, torch.cdist(points.double(), points.double()).square().float())
