"""The picture of the benchmark of growth, and runs that are others."""
from __future__ import annotations

import json

import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d_benchmarks.growth import COSTS, Growth, note_of, rows_of
from sparse3d_benchmarks.growth_plot import costs_in, curves_of, draw_growth


def rows():
    return [dict(row, benchmark='growth') for model in ('first', 'second')
            for axis in ('points', 'queries')
            for row in rows_of(Growth(model, axis, (100, 200, 400),
                                      {cost: (.5, .9, 1.8) for cost in COSTS}))]


def test_costs_are_read_back_as_written():
    assert costs_in(note_of((1, 20), (1e-5, 12345.0), 's')) == [(1, 1e-5), (20, 1.234e4)]
    curves = curves_of(rows())
    assert len(curves) == 2 * len(COSTS)
    assert curves['points', 'training step']['second'] == [(100, .5), (200, .9), (400, 1.8)]


def test_a_picture(tmp_path):
    source = tmp_path / 'growth.json'
    source.write_text(json.dumps(dict(rows=rows())))
    draw_growth(source, tmp_path / 'growth.webp')
    with Image.open(tmp_path / 'growth.webp') as made:
        assert made.format == 'WEBP' and made.size == (640, 900)


def test_another_run_is_refused(tmp_path):
    source = tmp_path / 'other.json'
    source.write_text(json.dumps(dict(rows=[dict(rows()[0], benchmark='scale')])))
    with pytest.raises(DataError, match='no rows of the benchmark growth; make one with'):
        draw_growth(source, tmp_path / 'other.webp')
    assert not (tmp_path / 'other.webp').exists()
