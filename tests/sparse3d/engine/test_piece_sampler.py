"""A part of a test set."""
from __future__ import annotations

import pytest

from sparse3d.engine.piece_sampler import PieceSampler


@pytest.mark.parametrize('start, stop, indices', [(0, 3, [0, 1, 2]), (3, 9, [3, 4]), (4, 5, [4])])
def test_the_samples_from_one_to_another(start, stop, indices):
    sampler = PieceSampler(range(5), start, stop)
    assert list(sampler) == indices and len(sampler) == len(indices)
