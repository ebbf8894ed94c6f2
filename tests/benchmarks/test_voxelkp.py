"""The benchmark runs and compares like with like."""
from __future__ import annotations

from sparse3d_benchmarks.voxelkp import attention_rows


def test_attention_rows():
    rows = attention_rows(repeats=1, count=150)
    assert [row['name'] for row in rows] == [
        'window attention, forward', 'window attention, forward and backward']
    assert all(row['value'] > 0 and row['baseline'] > 0 and row['ratio'] > 0 for row in rows)
    difference = float(rows[0]['note'].rpartition(' ')[2])
    assert difference < 1e-5
