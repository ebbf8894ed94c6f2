"""The sky by hand."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.scene import Daylight
from sparse3d.simulate.shading import sky


def test_the_sky_turns_from_the_horizon_to_the_zenith_within_a_third_of_the_rise():
    light = Daylight(np.array([0.0, 0, 1]))
    horizon, zenith = np.array(light.horizon), np.array(light.zenith)
    for rise, share in ((-0.5, 0), (0, 0), (1 / 6, 0.5), (1 / 3, 1), (0.9, 1), (1, 1)):
        direction = 7 * np.array([[np.sqrt(1 - rise ** 2), 0, rise]])  # of any length
        np.testing.assert_allclose(sky(light, direction), [horizon + share * (zenith - horizon)],
                                   atol=1e-6)
