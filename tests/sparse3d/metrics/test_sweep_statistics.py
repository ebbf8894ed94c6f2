"""Numbers of sweeps: points of objects by distance, heights, the table."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics.sweep_statistics import sweep_statistics
from sparse3d.structures.labeled_frame import CAR, PEDESTRIAN, LabeledFrame

pytestmark = pytest.mark.fast


def frame():
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-14, 14, (5000, 2)), np.full(5000, -1.7)])
    car = rng.uniform((23.1, -.9, -1.6), (26.9, .9, -.3), (80, 3))
    high = np.column_stack([rng.uniform(5, 9, (200, 2)), np.full(200, 3.)])
    boxes = np.array([[25, 0, -1.7, 4, 2, 1.5, 0], [5, 0, -1.7, 1, 1, 1.8, 0],
                      [40, 0, -1.7, 4, 2, 1.5, 0.]])
    return LabeledFrame('made', 'one', np.concatenate([floor, car, high]).astype(np.float32),
                        boxes, np.array([CAR, PEDESTRIAN, CAR], object))


def test_points_of_cars_by_distance():
    found = sweep_statistics([frame(), frame()])
    np.testing.assert_array_equal(found.object_points, [80, 80])  # the one without points is out
    quantiles = found.quantiles()
    np.testing.assert_allclose(quantiles[2], 80)
    assert np.isnan(quantiles[[0, 1, 3, 4]]).all()
    assert found.points.sum() == 5280 and found.points[2] == 80


def test_heights_are_above_the_ground():
    heights = sweep_statistics([frame()]).heights
    assert heights.sum() == pytest.approx(1)
    assert heights[-1] == pytest.approx(200 / 5280, abs=1e-6)  # 4.7 m above it


def test_the_table_names_source_and_distance():
    line, = sweep_statistics([frame()]).lines()
    assert line.startswith('| made | 20 to 30 m | 1 | 80 | 80 | 80 |')
