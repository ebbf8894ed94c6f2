"""Whole data sets on paper: rounds of pieces, and rows for each number of nodes."""
from __future__ import annotations

import pytest

from sparse3d.datasets.waymo.simulate import WaymoOptions
from sparse3d_benchmarks import scale


@pytest.mark.parametrize('nodes, pieces, rounds', [(1, 1000, 32), (10, 1000, 4), (100, 1000, 1),
                                                   (100, 10_000, 4), (1, 1, 1)])
def test_a_core_takes_one_piece_after_the_other(nodes, pieces, rounds):
    piece = scale.Piece(seconds=1800, read=0, written=0, files=0)
    assert scale.hours_on(nodes, pieces, piece, cores=32) == rounds / 2


def test_the_rows_multiply_what_was_measured():
    small = WaymoOptions(seconds=.2, columns=60, image_width=32, val_fraction=0)
    rows = scale.run(real=small, default=small)
    assert [row['unit'] for row in rows] == ['s', 's', *['h'] * 6, 'GB']
    segment, drive, one, ten, hundred, *_ = (row['value'] for row in rows)
    assert segment > 0 and drive > 0
    assert one == pytest.approx(32 * segment / 3600) and hundred == pytest.approx(segment / 3600)
    assert ten == pytest.approx(4 * segment / 3600)
    assert rows[4]['note'].endswith('cores busy 31 %')  # 1,000 segments for 3,200 cores
