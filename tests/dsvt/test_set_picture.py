"""The picture of windows and sets: colors go with sets, lines with windows."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from dsvt.rotated_sets import rotated_sets
from dsvt.set_picture import _grid, color_numbers, sets_of_voxels, write_sets
from dsvt.window_partition import Window, partition_windows
from sparse3d.errors import ConfigError
from sparse3d.visualization.frame import Boxes, Frame

WINDOW = Window((4, 4, 1), (2, 2, 0), (16, 16, 1))


def voxels() -> torch.Tensor:
    filled = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) < 0.6
    cells = filled.nonzero()
    return torch.cat([torch.zeros(len(cells), 2, dtype=torch.long), cells], dim=1)


def test_a_voxel_is_in_the_set_that_holds_it():
    coordinates = voxels()
    made = rotated_sets(coordinates, WINDOW, 3)
    for order, sets in enumerate(sets_of_voxels(coordinates, WINDOW, 3)):
        for row, number in enumerate(sets):
            assert row in made.voxels[order, number]


def test_sets_of_a_window_differ_in_color_and_voxels_of_a_set_do_not():
    coordinates = voxels()
    windows = partition_windows(coordinates, WINDOW)[0].numpy()
    for sets in sets_of_voxels(coordinates, WINDOW, 3):
        colors = color_numbers(coordinates, WINDOW, sets)
        assert 0 <= colors.min() and colors.max() < 10
        for window in np.unique(windows):
            pairs = set(zip(sets[windows == window], colors[windows == window], strict=True))
            assert len(pairs) == len({number for number, _ in pairs}) == len(
                {color for _, color in pairs})


def test_lines_part_voxels_of_different_windows():
    low, size = np.array([-8.0, -8.0]), np.array([1.0, 1.0])
    borders = {segment[0, 0] for segment in _grid(WINDOW, low, size)
               if segment[0, 0] == segment[1, 0]}             # along x, at a y
    assert borders == {-6.0, -2.0, 2.0, 6.0}                  # cells 2, 6, 10 and 14


def test_the_picture_is_written_for_this_encoder_alone(tiny_detector, clouds, tmp_path):
    detector, (cloud, ) = tiny_detector(), clouds(200)
    frame = Frame('a/1', cloud.numpy(), ('Vehicle', ), Boxes(
        np.array([[4.0, 1.0, -1.0, 3.0, 1.5, 1.5, 0.3]]), np.array([0])))
    batch = dict(inputs=dict(points=[cloud]), data_samples=None)
    with torch.no_grad():
        path, = write_sets(detector, batch, frame, tmp_path)
    assert path.name == 'a%2F1_sets.png' and path.stat().st_size > 20_000
    model = nn.Module()
    model.middle_encoder = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='Module with Linear has no sets of voxels'):
        write_sets(model, batch, frame, tmp_path)
