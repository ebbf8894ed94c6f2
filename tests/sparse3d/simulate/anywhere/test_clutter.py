"""Clutter stands on the ground within the area that it says."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.clutter import THINGS, poles

pytestmark = pytest.mark.fast


@pytest.mark.parametrize('thing', dict.fromkeys(THINGS), ids=lambda thing: thing.__name__)
@pytest.mark.parametrize('seed', range(3))
def test_it_stands_within_the_area_that_it_says(thing, seed):
    mesh, size = thing(np.random.default_rng(seed))
    low, high = mesh.bounds
    assert low[2] < .3 and high[2] > .25
    if thing is not poles:  # scattered without a limit
        assert (high[:2] - low[:2] < np.array(size) + 1.5).all()
