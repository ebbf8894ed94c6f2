"""Trucks, buses and trailers fill their boxes."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.large_vehicles import (
    KINDS,
    build_large_vehicle,
    draw_large_vehicle,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize('kind', KINDS)
def test_it_fills_its_box(kind):
    size = (9., 2.5, 3.2)
    low, high = build_large_vehicle(kind, size, (.5, .5, .5), np.random.default_rng(0)).bounds
    np.testing.assert_allclose(high - low, size, atol=1e-5)
    np.testing.assert_allclose(low, [-4.5, -1.25, 0], atol=1e-5)


def test_they_are_longer_than_cars():
    rng = np.random.default_rng(1)
    drawn = [draw_large_vehicle(rng) for _ in range(100)]
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert min(size[0] for _, size in drawn) > 6.1
