"""Overlap of rectangles against an independent polygon library."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.footprints import Occupancy, corners, overlap


def test_two_squares_by_hand():
    square = np.array([0.0, 0, 2, 2, 0])
    turned = np.array([2.2, 0, 2, 2, np.pi / 4])   # its corner reaches to x = 0.79
    assert overlap(square, turned)
    assert not overlap(square, turned + [.3, 0, 0, 0, 0])
    np.testing.assert_allclose(corners(square), [[1, 1], [1, -1], [-1, -1], [-1, 1]])


def test_agrees_with_shapely():
    geometry = pytest.importorskip('shapely.geometry')
    rng = np.random.default_rng(0)
    low, high = [-4, -4, .5, .5, -4], [4, 4, 5, 3, 4]
    first, second = rng.uniform(low, high, (300, 5)), rng.uniform(low, high, (300, 5))
    expected = [geometry.Polygon(a).intersection(geometry.Polygon(b)).area > 0
                for a, b in zip(corners(first), corners(second), strict=True)]
    assert 50 < sum(expected) < 250
    np.testing.assert_array_equal(overlap(first, second), expected)


def test_crossing_ways_are_refused_even_if_the_ends_are_free():
    occupancy = Occupancy(np.array([0.0, 1.0, 2.0]))
    eastward = np.array([[x, 0, 4, 2, 0] for x in (-20.0, 0.0, 20.0)])
    northward = np.array([[0, y, 4, 2, np.pi / 2] for y in (-20.0, 0.0, 20.0)])
    assert occupancy.try_to_add(eastward)
    assert not occupancy.try_to_add(northward)
    assert occupancy.try_to_add(northward + [0, -8, 0, 0, 0])
