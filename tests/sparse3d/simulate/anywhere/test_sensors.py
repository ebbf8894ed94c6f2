"""Random sensors lie within what is said of them."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.ingredients import Ingredients
from sparse3d.simulate.anywhere.sensors import RINGS, UNITS, random_sensor

pytestmark = pytest.mark.fast
MANY = [random_sensor(np.random.default_rng(seed), Ingredients()) for seed in range(200)]


def test_rings_heights_and_units_cover_their_ranges():
    assert {len(sensor.elevations) for sensor in MANY} == set(RINGS)
    heights = [sensor.height for sensor in MANY]
    assert .5 <= min(heights) < .8 and 2.2 < max(heights) <= 2.5
    assert {sensor.unit for sensor in MANY} == set(UNITS)


def test_rings_come_highest_first_and_look_down_and_up():
    for sensor in MANY:
        degrees = np.degrees(sensor.elevations)
        assert (np.diff(degrees) < .3).all()
        assert degrees[0] > 1 and -33 < degrees[-1] < -9


def test_left_out_ingredients_change_nothing_else_than_they_say():
    plain = random_sensor(np.random.default_rng(0), Ingredients.without(
        ['sensors', 'noise', 'losses', 'glass', 'ego']))
    assert (len(plain.elevations), plain.azimuths, plain.height) == (64, 2000, 1.73)
    assert plain.drop == plain.glass == plain.divergence == 0 and plain.ego == plain.blind == ()
