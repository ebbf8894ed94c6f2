"""The crowd: the same people whoever asks first."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.people import bicycle, cyclist, pedestrian

pytestmark = pytest.mark.fast


def test_person_n_is_the_same_whoever_asked_before():
    first = pedestrian(5).size
    pedestrian.cache_clear()
    pedestrian(7)
    assert pedestrian(5).size == first != pedestrian(7).size


@pytest.mark.parametrize('shape', [pedestrian(0), cyclist(0)], ids=['pedestrian', 'cyclist'])
def test_the_mesh_lies_in_the_box(shape):
    low, high = shape.mesh(0.).bounds
    assert (np.maximum(high, -low)[:2] <= np.array(shape.size[:2]) / 2 + 1e-5).all()
    assert high[2] <= shape.size[2] + 1e-5


def test_a_bicycle_has_no_rider():
    assert bicycle(0).bounds[1][2] < 1.3 < cyclist(0).size[2]
