"""Assignment by sum, in order and by level."""
from __future__ import annotations

import numpy as np

from sparse3d.tracking.assignment import assign, assign_by_level, assign_in_order

COST = np.array([[1.0, 2.0], [1.5, 9.0]])


def pairs(found) -> list:
    return sorted(zip(*(part.tolist() for part in found), strict=True))


def test_the_sum_is_smallest_and_the_first_column_is_served_first():
    assert pairs(assign(COST, 5)) == [(0, 1), (1, 0)]
    assert pairs(assign_in_order(COST, 5)) == [(0, 0)]
    assert pairs(assign_in_order(COST, 10)) == [(0, 0), (1, 1)]


def test_a_pair_beyond_the_limit_stays_apart():
    assert pairs(assign(np.array([[3.0, np.inf]]), 2)) == []
    assert pairs(assign(np.array([[np.inf, 1.0], [np.inf, np.inf]]), 2)) == [(0, 1)]
    for solve in (assign, assign_in_order):
        assert pairs(solve(np.zeros((0, 3)), 2)) == pairs(solve(np.zeros((3, 0)), 2)) == []


def test_near_ones_are_served_first_and_the_rest_goes_on():
    levels = np.array([0, 1]), np.array([0, 1])
    assert pairs(assign_by_level(COST, 5, *levels)) == [(0, 0)]
    # The near detection finds no near track and goes on to the far ones.
    cost = np.array([[9.0, 9.0], [1.0, 9.0]])
    assert pairs(assign_by_level(cost, 5, *levels)) == [(1, 0)]
    assert pairs(assign_by_level(np.zeros((0, 2)), 5, levels[0][:0], levels[1])) == []
