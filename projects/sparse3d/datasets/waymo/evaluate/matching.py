"""Waymo's matching of detections to ground truth at every score cut-off.

At each cut-off the detections that reach it are matched anew so that the sum of the
overlaps is largest. Objects that overlap enough form small islands, mostly of one
ground truth and one detection: each island is solved on its own, and only at the
cut-offs where a detection joins it.
"""
from __future__ import annotations

import numba
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sparse3d.datasets.waymo.evaluate.ious import Pairs

CUTOFFS = np.arange(101, dtype=np.float32) / np.float32(100)
# What is counted of the matched pairs.
MATCHED, MATCHED_EXCUSED, MATCHED_LEVEL_1, HEADING = range(4)


def last_cutoff(scores: np.ndarray) -> np.ndarray:
    """Index of the highest cut-off that each float32 score reaches, -1 if none."""
    return np.searchsorted(CUTOFFS, scores, side='right') - 1


def count_matches(
        pairs: Pairs,
        heading_accuracy: np.ndarray,  # [P]
        shard: np.ndarray,             # [P]  which row to count in; -1: the pair does not count
        level: np.ndarray,             # [G]  difficulty of each ground truth of the table
        cutoff: np.ndarray,            # [D]  last cut-off of each detection of the table
        excused: np.ndarray,           # [D]  bool, overlaps a no-label zone
        counts: np.ndarray,            # [S, 101, 4]  float64, added to
) -> None:
    """Add the matches of a block at every cut-off.

    The last axis of ``counts`` is: matched pairs, those of an excused detection, those
    of a ground truth of LEVEL_1, and the sum of their heading accuracies.
    """
    kept = np.flatnonzero(shard >= 0)
    if not len(kept):
        return
    gt = pairs.gt[kept] - pairs.gt_range[0]
    pred = pairs.pred[kept] - pairs.pred_range[0]
    num_gt = pairs.gt_range[1] - pairs.gt_range[0]
    size = num_gt + pairs.pred_range[1] - pairs.pred_range[0]
    graph = coo_matrix((np.ones(len(kept), bool), (gt, pred + num_gt)), (size, size))
    island = connected_components(graph, directed=False)[1][gt]
    order = np.argsort(island, kind='stable')
    kept, island = kept[order], island[order]
    starts = np.flatnonzero(np.r_[True, island[1:] != island[:-1], True])
    weight = np.round(1e6 * pairs.iou[kept]).astype(np.int64)
    changes = np.zeros_like(counts)
    _count_islands(starts, pairs.gt[kept], pairs.pred[kept], weight, heading_accuracy[kept],
                   shard[kept], level, cutoff, excused, changes)
    counts += changes[:, ::-1].cumsum(1)[:, ::-1]


@numba.njit(cache=True)
def _count_islands(starts, gt, pred, weight, accuracy, shard, level, cutoff, excused,
                   curve_steps):
    """Note in ``curve_steps`` what begins at a cut-off and, negative, what ends there."""
    for island in range(len(starts) - 1):
        begin, end = starts[island], starts[island + 1]
        if end - begin == 1:
            detection = pred[begin]
            _note(curve_steps[shard[begin]], -1, cutoff[detection], excused[detection],
                  level[gt[begin]], accuracy[begin])
            continue
        rows, columns = np.unique(gt[begin:end]), np.unique(pred[begin:end])
        # The surest detections first: at any cut-off the first few are left.
        columns = columns[np.argsort(-cutoff[columns], kind='mergesort')]
        pair = np.full((len(rows), len(columns)), -1)
        for place in range(begin, end):
            row = np.searchsorted(rows, gt[place])
            for column in range(len(columns)):
                if columns[column] == pred[place]:
                    pair[row, column] = place
        _count_island(pair, columns, gt, weight, accuracy, shard[begin], level, cutoff,
                      excused, curve_steps)


@numba.njit(cache=True)
def _count_island(pair, columns, gt, weight, accuracy, shard, level, cutoff, excused, curve_steps):
    number = 0
    while number < len(columns) and cutoff[columns[number]] >= 0:
        upper = cutoff[columns[number]]
        while number < len(columns) and cutoff[columns[number]] == upper:
            number += 1
        lower = cutoff[columns[number]] if number < len(columns) else -1
        weights = np.zeros((len(pair), number), np.int64)
        for row in range(len(pair)):
            for column in range(number):
                if pair[row, column] >= 0:
                    weights[row, column] = weight[pair[row, column]]
        chosen = heaviest_assignment(weights)
        for row in range(len(pair)):
            if chosen[row] >= 0:
                place = pair[row, chosen[row]]
                _note(curve_steps[shard], lower, upper, excused[columns[chosen[row]]],
                      level[gt[place]], accuracy[place])


@numba.njit(cache=True)
def _note(curve_steps, lower, upper, excused, level, accuracy):
    """A pair is matched at the cut-offs above ``lower`` up to ``upper``."""
    for place, sign in ((upper, 1.0), (lower, -1.0)):
        if place >= 0:
            curve_steps[place, MATCHED] += sign
            curve_steps[place, MATCHED_EXCUSED] += sign * excused
            curve_steps[place, MATCHED_LEVEL_1] += sign * (level == 1)
            curve_steps[place, HEADING] += sign * accuracy


@numba.njit(cache=True)
def heaviest_assignment(weights):
    """Column of each row, -1 for none, so that the sum of the weights is largest.

    Args:
        weights: [R, C] int64, at least 0; a weight of 0 is never chosen.

    Source: shortest augmenting paths, Jonker and Volgenant (Computing 38, 1987).
    """
    rows, columns = weights.shape
    chosen = np.full(rows, -1)
    if rows > columns:
        for column, row in enumerate(heaviest_assignment(weights.T.copy())):
            if row >= 0:
                chosen[row] = column
        return chosen
    row_of = np.full(columns + 1, -1)  # the last column is where each search begins
    price_row, price = np.zeros(rows, np.int64), np.zeros(columns + 1, np.int64)
    for row in range(rows):
        _augment(weights, row, row_of, price_row, price)
    for column in range(columns):
        row = row_of[column]
        if row >= 0 and weights[row, column] > 0:
            chosen[row] = column
    return chosen


@numba.njit(cache=True)
def _augment(weights, row, row_of, price_row, price):
    """Give ``row`` a column, moving other rows to others on the way."""
    columns = weights.shape[1]
    distance = np.full(columns, np.iinfo(np.int64).max)
    before = np.full(columns, columns)
    done = np.zeros(columns + 1, np.bool_)
    row_of[columns] = row
    column = columns
    while row_of[column] >= 0:
        done[column] = True
        row, step, nearest = row_of[column], np.iinfo(np.int64).max, -1
        for other in range(columns):
            if done[other]:
                continue
            cost = -weights[row, other] - price_row[row] - price[other]
            if cost < distance[other]:
                distance[other], before[other] = cost, column
            if distance[other] < step:
                step, nearest = distance[other], other
        for other in range(columns + 1):
            if done[other]:
                price_row[row_of[other]] += step
                price[other] -= step
            elif other < columns:
                distance[other] -= step
        column = nearest
    while column != columns:
        row_of[column] = row_of[before[column]]
        column = before[column]
