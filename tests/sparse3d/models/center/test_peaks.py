"""The highest entries of tables."""
from __future__ import annotations

import torch

from sparse3d.models.center.peaks import local_peaks, top_entries


def test_rows_and_columns_of_the_highest_entries():
    table = torch.tensor([[0.1, 0.9, 0.3], [0.8, 0.2, 0.4]])
    values, rows, columns = top_entries(table, 3)
    assert values.tolist() == table[rows, columns].tolist() == torch.tensor([.9, .8, .4]).tolist()
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 1], [1, 0, 2])
    assert top_entries(table.expand(4, 2, 3), 100)[0].shape == (4, 6)
    assert top_entries(table[:, :0], 5)[0].shape == (0,)


def test_a_map_smaller_than_the_window_has_no_peaks_but_of_small_classes():
    heat = torch.full((1, 2, 2, 5), 0.5)
    assert local_peaks(heat, [1])[0].sum((1, 2)).tolist() == [0, 5]
