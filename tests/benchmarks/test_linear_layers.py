"""Rows of linear layers beside PyTorch's."""
from __future__ import annotations

from sparse3d_benchmarks.linear_layers import rows_of


def test_a_row_for_each_direction():
    rows = rows_of('layer', (200, 100, 300), 1)
    assert [row['name'] for row in rows] == ['layer, forward', 'layer, forward and backward']
    for row in rows:
        assert row['value'] > 0 and row['baseline'] > 0 and not row['original']
        assert '200 rows, 100 to 300 channels' in row['note'] and 'GFLOP/s' in row['note']
