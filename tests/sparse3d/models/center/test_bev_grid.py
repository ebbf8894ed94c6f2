"""The grid: meters to cells and back, its size, places of counted cells."""
from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import BEVGrid, cell_centers


def test_grid_of_voxels():
    grid = BEVGrid.from_voxels([.1, .1, .1], [-75.2, -75.2, -2, 75.2, 75.2, 4], 8)
    assert grid.shape == (188, 188) and grid.cell == pytest.approx((0.8, 0.8))
    assert BEVGrid.from_voxels([.1, .1, .1], [0, -1, 0, 2.5, 1, 4], 8).shape == (4, 3)
    places = torch.rand(10, 2) * 100
    torch.testing.assert_close(grid.to_meters(grid.to_cells(places)), places, atol=1e-4, rtol=0)


def test_axes_are_not_mixed_up():
    grid = BEVGrid((-8.0, 2.0), (0.5, 2.0), (10, 4))
    assert grid.to_cells(torch.tensor([-7.0, 6.0])).tolist() == [2.0, 2.0]
    assert grid.to_meters(torch.tensor([[2.0, 2.0]])).tolist() == [[-7.0, 6.0]]
    assert grid.sizes_in_cells(torch.tensor([[0, 0, 0, 4.0, 1.0, 9]])).tolist() == [[8.0, 0.5]]
    assert grid.clamped(torch.tensor([[-1.0, 9.0], [20.0, 1.0]])).tolist() == [[0, 3.5], [9.5, 1]]
    assert grid.columns_and_rows(torch.tensor([0, 9, 10, 39])).tolist() == [
        [0, 0], [9, 0], [0, 1], [9, 3]]


def test_cells_of_a_map_row_by_row():
    assert cell_centers(torch.zeros(1, 2, 2, 3)).tolist() == [
        [0.5, 0.5], [1.5, 0.5], [2.5, 0.5], [0.5, 1.5], [1.5, 1.5], [2.5, 1.5]]


def test_a_range_without_a_cell_is_refused():
    with pytest.raises(ConfigError, match='holds no cell'):
        BEVGrid.from_voxels([1, 1, 1], [0, 0, 0, 0, 5, 1], 2)
