from __future__ import annotations

import pytest
import torch

from sparse3d.pretraining.column_masks import ColumnGrid, ColumnMask
from sparse3d.pretraining.column_targets import column_density, column_points

# Columns of 2 x 2 m and 4 m of height, from -1 to 3.
GRID = ColumnGrid([0.5, 0.5, 1.0], [0, 0, -1, 8, 4, 3], 4, (2, 4))


def targets(points, cells, **options):
    return column_points(points, torch.tensor(cells).view(-1, 3), GRID,
                         generator=torch.Generator().manual_seed(0), **options)


def test_two_columns_by_hand():
    points = [torch.tensor([[1.0, 1.0, 1.0, 0.3], [1.5, 0.5, 3.5, 0.0], [7.0, 3.5, 0.0, 0.9]])]
    found = targets(points, [[0, 0, 0], [0, 1, 3]])
    # The second point is above the range; the first is the column's center at half of the height.
    assert found.valid.sum(1).tolist() == [1, 1]
    assert found.points[0][found.valid[0]].tolist() == [[0.0, 0.0, 0.0]]
    assert found.points[1][found.valid[1]].tolist() == [[0.0, 0.25, -0.25]]
    high = targets(points, [[0, 0, 0]], height_from_zero=True)
    assert high.points[0][high.valid[0]].tolist() == [[0.0, 0.0, 0.25]]


def test_samples_are_told_apart_and_columns_without_points_are_empty():
    points = [torch.zeros(0, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0]])]
    found = targets(points, [[0, 0, 0], [1, 0, 0], [1, 1, 1]])
    assert found.valid.sum(1).tolist() == [0, 1, 0]


def test_of_many_points_some_are_drawn():
    points = torch.rand(100, 4) * torch.tensor([2.0, 2.0, 1.0, 1.0])
    found = targets([points], [[0, 0, 0]], max_points=30)
    assert found.valid.all() and found.points.shape == (1, 30, 3)
    given = {tuple(row) for row in ((points[:, :2] - 1) / 2).tolist()}
    assert {tuple(row) for row in found.points[0, :, :2].tolist()} <= given
    other = column_points([points], torch.tensor([[0, 0, 0]]), GRID,
                          generator=torch.Generator().manual_seed(1))
    assert not torch.equal(other.points, found.points)


def test_no_cells_and_no_points():
    assert targets([torch.rand(5, 4)], []).points.shape == (0, 30, 3)
    assert not targets([torch.zeros(0, 4)], [[0, 0, 0]]).valid.any()


def test_density_counts_a_voxel_five_times_at_most():
    mask = ColumnMask(torch.zeros(2, 3).long(), torch.ones(2).bool(), torch.tensor([0, 1, 0]))
    found = column_density(mask, torch.tensor([3, 9, 2]))
    assert found.tolist() == pytest.approx([5 / 64, 5 / 64])
    assert column_density(mask, torch.tensor([3, 9, 2]), 100)[1] == 9 / 64
