"""Objects and the cells that stand for them: by hand, ties, edges, empty samples."""
from __future__ import annotations

import math

import pytest
import torch

from safdnet.cell_targets import nearest_cell_targets
from safdnet.center_options import TargetOptions
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder

GRID = BEVGrid((0.0, -4.0), (0.5, 0.5), (40, 16))  # wider than high
CODER = CenterBoxCoder(GRID, cosine_first=True)


def targets(cells, boxes, labels=None, swapped=False, **options):
    boxes = torch.tensor(boxes).reshape(-1, 7)
    labels = torch.zeros(len(boxes), dtype=torch.long) if labels is None else labels
    return nearest_cell_targets(torch.tensor(cells, dtype=torch.int32).reshape(-1, 3), [boxes],
                                [labels], CODER, 2, TargetOptions(**options), swapped)


BOX = [3.3, -1.2, 0.4, 4.0, 1.8, 1.5, 0.3]  # cell 6, 5


def test_an_object_whose_cell_is_there():
    found = targets([[0, 5, 6], [0, 5, 7], [0, 7, 8], [0, 15, 39]], BOX)
    assert found.rows.tolist() == [0]
    radius = 2
    spread = 2 * ((2 * radius + 1) / 6) ** 2
    expected = [1, math.exp(-1 / spread), math.exp(-8 / spread), 0]
    torch.testing.assert_close(found.heat[:, 0], torch.tensor(expected))
    assert not found.heat[:, 1].any()
    torch.testing.assert_close(found.codes, torch.tensor([[
        0.6, 0.6, 0.4, *(math.log(size) for size in BOX[3:6]), math.cos(0.3), math.sin(0.3)]]))


def test_the_nearest_cell_stands_in_and_has_full_heat():
    found = targets([[0, 5, 8], [0, 6, 8]], BOX)
    assert found.rows.tolist() == [0]
    assert found.heat[0, 0] == 1 and found.heat[1, 0] < 1
    torch.testing.assert_close(found.codes[0, :2], torch.tensor([6.6 - 8, 5.6 - 5]))


def test_of_equals_the_first_cell():
    assert targets([[0, 4, 6], [0, 6, 6]], BOX).rows.tolist() == [0]


def test_far_from_all_cells_there_is_a_box_to_learn_and_no_heat_unless_asked_for():
    far = [[0, 15, 30], [0, 15, 31]]
    assert targets(far, BOX).rows.tolist() == [0]
    assert not targets(far, BOX).heat.any()


def test_the_heat_of_voxelnext_has_a_second_peak_and_no_end():
    found = targets([[0, 5, 9], [0, 5, 20]], BOX, around_nearest=True).heat[:, 0]
    spread = 2 * (5 / 6) ** 2
    assert found[0] == 1
    torch.testing.assert_close(found[1], torch.tensor(math.exp(-121 / spread)))
    near = targets([[0, 5, 6], [0, 5, 7]], BOX, around_nearest=True)  # center at 6.6, 5.6
    assert near.rows.tolist() == [1]
    torch.testing.assert_close(near.heat[:, 0], torch.tensor([
        math.exp(-2 * 0.6 ** 2 / spread), 1.0]))


def test_a_center_beyond_the_map_counts_as_on_its_edge():
    beyond = [30.0, 0.1, 0, 4.0, 2, 1.5, 0]     # column 60 of 40
    cells = [[0, 8, 15], [0, 8, 39]]
    found = targets(cells, beyond)
    assert found.rows.tolist() == [1] and found.codes[0, 0] == pytest.approx(0.5)
    published = targets(cells, beyond, swapped=True)  # as if it had 16 columns
    assert published.rows.tolist() == [0] and published.codes[0, 0] == pytest.approx(0.5)
    inside = [12.0, 0.1, 0, 4.0, 2, 1.5, 0]      # column 24: inside, and beyond 16
    assert targets([[0, 8, 15], [0, 8, 24]], inside).rows.tolist() == [1]
    assert targets([[0, 8, 15], [0, 8, 24]], inside, swapped=True).rows.tolist() == [0]


def test_objects_without_area_too_many_and_without_cells():
    flat = [[3.3, -1.2, 0, 0.0, 1, 1, 0], BOX, BOX]
    assert len(targets([[0, 5, 6]], flat).rows) == 2
    assert len(targets([[0, 5, 6]], flat, max_objects=1).rows) == 1
    assert targets([[1, 5, 6]], BOX).rows.tolist() == []
    empty = targets([], BOX)
    assert empty.heat.shape == (0, 2) and empty.codes.shape == (0, 8)
    assert len(targets([[0, 5, 6]], []).rows) == 0
