"""The benchmark of ranges: its sweep, its configs at other ranges, its rows."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.engine.load_config import load_config
from sparse3d_benchmarks import detection_range
from sparse3d_benchmarks.detection_range import RANGES, Cost, Size


def test_a_sweep_that_goes_far():
    points = detection_range.long_sweep(azimuths=90)
    sizes = [Size.of(detection_range.cut(points, limit)) for limit in RANGES]
    counts = [size.points for size in sizes]
    assert counts == sorted(counts) and len(set(counts)) == len(RANGES)
    assert all(0 < size.cells < size.voxels <= size.points for size in sizes)
    assert np.abs(points[:, :2]).max() > 150 and points[:, 3].max() > 1


@pytest.mark.parametrize('name', detection_range.CONFIGS.values())
def test_only_the_range_of_a_config_changes(name):
    model = load_config(name).model.to_dict()
    assert detection_range.with_range(model, 200.0) == model
    small = detection_range.with_range(model, 50.4)
    text = repr(small)
    assert '4000' not in text and '1008, 1008' in text and '-50.4, -50.4, -4.0' in text
    assert small['middle_encoder']['sparse_shape'] == [41, 1008, 1008]
    assert small.keys() == model.keys()


def test_rows_and_exponents():
    voxels = [1000, 2000, 4000, 8000]
    sizes = [Size(9000, number, number ** 2) for number in voxels]
    costs = dict(
        SAFDNet=[Cost(number / 1000, 1, number / 100) for number in voxels],
        CenterPoint=[Cost(limit ** 2 / 100, 1, limit) for limit in RANGES])
    rows = detection_range.rows_of(costs, sizes, 1)
    values = {row['name']: row['value'] for row in rows}
    assert len(rows) == 4 * 2 * 2 + 2 * 2 * 3
    assert values['SAFDNet, cpu: exponent of the occupied voxels'] == pytest.approx(1)
    assert values['SAFDNet, cpu: exponent of the occupied cells of the map'] == pytest.approx(.5)
    assert values['CenterPoint, cpu: exponent of the area'] == pytest.approx(1)
    assert values['CenterPoint, memory: exponent of the area'] == pytest.approx(.5)
    first = next(row for row in rows if row['name'] == 'SAFDNet at 200 m, cpu')
    assert first['baseline'] == 400 and first['ratio'] == 50
