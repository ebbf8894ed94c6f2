"""The picture of the benchmark of ranges, and runs that are others."""
from __future__ import annotations

import json

import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d_benchmarks.detection_range import RANGES, Cost, Size, rows_of
from sparse3d_benchmarks.range_plot import curves_of, draw_range


def rows():
    costs = {name: [Cost(limit * factor, 1, limit) for limit in RANGES]
             for name, factor in (('SAFDNet', 1), ('CenterPoint', 2))}
    return [dict(row, benchmark='range') for row in rows_of(
        costs, [Size(9, number, number) for number in (1, 2, 3, 4)], 1)]


def test_curves():
    curves = curves_of(rows())
    assert curves['cpu']['CenterPoint'] == [(limit, 2 * limit) for limit in RANGES]


def test_a_picture(tmp_path):
    source = tmp_path / 'range.json'
    source.write_text(json.dumps(dict(rows=rows())))
    draw_range(source, tmp_path / 'range.webp')
    with Image.open(tmp_path / 'range.webp') as made:
        assert made.format == 'WEBP' and made.size == (1100, 440)


def test_another_run_is_refused(tmp_path):
    source = tmp_path / 'other.json'
    source.write_text(json.dumps(dict(rows=[dict(rows()[0], benchmark='scale')])))
    with pytest.raises(DataError, match='no rows of the benchmark range; make one with'):
        draw_range(source, tmp_path / 'other.webp')
    assert not (tmp_path / 'other.webp').exists()
