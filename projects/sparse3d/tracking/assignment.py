"""Tracks to detections by cost: all together, one by one, or from near to far."""
from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

Pairs = tuple[np.ndarray, np.ndarray]  # rows (tracks) and columns (detections)


def assign(cost: np.ndarray, max_cost: float) -> Pairs:
    """The pairs with the smallest sum of costs, where what stays alone costs ``max_cost``.

    Args:
        cost: (T, D), inf where a pair cannot be.
        max_cost: of a pair.
    """
    rows, columns = linear_sum_assignment(np.minimum(cost, max_cost))
    good = cost[rows, columns] < max_cost
    return rows[good], columns[good]


def assign_in_order(cost: np.ndarray, max_cost: float) -> Pairs:
    """Each column takes the row that is left and costs least, the first column first."""
    free = np.ones(len(cost), bool)
    rows, columns = [], []
    for column in range(cost.shape[1]):
        here = np.where(free, cost[:, column], np.inf)
        row = int(np.argmin(here)) if len(here) else 0
        if len(here) and here[row] < max_cost:
            free[row] = False
            rows.append(row)
            columns.append(column)
    return np.array(rows, np.int64), np.array(columns, np.int64)


def assign_by_level(cost: np.ndarray, max_cost: float, track_levels: np.ndarray,
                    detection_levels: np.ndarray) -> Pairs:
    """Level after level, the nearest first; what finds no partner goes on into the next level.

    SparseTrack's depth cascaded matching (arXiv 2306.05238).

    Args:
        cost, max_cost: see :func:`assign`.
        track_levels: (T,) 0 for the nearest.
        detection_levels: (D,).
    """
    rows, columns = np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs: list[Pairs] = []
    last = max(track_levels.max(initial=-1), detection_levels.max(initial=-1))
    for level in range(int(last) + 1):
        rows = np.concatenate([np.flatnonzero(track_levels == level), rows])
        columns = np.concatenate([np.flatnonzero(detection_levels == level), columns])
        first, second = assign(cost[np.ix_(rows, columns)], max_cost)
        pairs.append((rows[first], columns[second]))
        rows, columns = np.delete(rows, first), np.delete(columns, second)
    return (np.concatenate([np.zeros(0, np.int64), *(pair[0] for pair in pairs)]),
            np.concatenate([np.zeros(0, np.int64), *(pair[1] for pair in pairs)]))
