"""Objects matched with tracks by distance, where a match lasts as long as the two are close.

The mapping of Bernardin and Stiefelhagen 2008 as py-motmetrics 1.4 makes it: an object keeps the
track that it had last, however long ago, if that one is close enough; the others are paired so
that as many as possible are, at the smallest sum of distances. nuScenes scores tracks by it.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass
class MatchedFrame:
    """Objects and tracks of one class in one frame.

    Attributes:
        gt: number of each object, one number for one object of the scene.
        pred: number of each track.
        scores: (M,) of the tracks.
        distances: (N, M) [m]; what is not closer than the largest distance is inf.
    """

    gt: list[int]
    pred: list[int]
    scores: np.ndarray
    distances: np.ndarray
    near: list[tuple[int, int, float, float]] = field(init=False)  # row, column, distance, score
    columns: dict[int, list[int]] = field(init=False)              # of a track

    def __post_init__(self) -> None:
        rows, columns = np.nonzero(np.isfinite(self.distances))
        self.near = list(zip(rows.tolist(), columns.tolist(),
                             self.distances[rows, columns].tolist(),
                             self.scores[columns].tolist(), strict=True))
        self.columns = {}
        for column, track in enumerate(self.pred):
            self.columns.setdefault(track, []).append(column)


@dataclass(frozen=True)
class Match:
    """An object (row) of a frame and its track (column); ``switched`` from another track."""

    row: int
    column: int
    distance: float
    switched: bool


def match_scene(frames: Sequence[MatchedFrame], threshold: float) -> list[list[Match]]:
    """The matches of each frame of a scene, by tracks with at least the score ``threshold``."""
    last: dict[int, int] = {}
    return [_match_frame(frame, threshold, last) for frame in frames]


def _match_frame(frame: MatchedFrame, threshold: float, last: dict[int, int]) -> list[Match]:
    """Matches of a frame; ``last`` (object to track) goes on to the next one."""
    rows: dict[int, dict[int, float]] = {}
    for row, column, distance, score in frame.near:
        if score >= threshold:
            rows.setdefault(row, {})[column] = distance
    matches: list[Match] = []
    taken: set[int] = set()
    for row, near in rows.items():
        column = _kept_column(frame, last.get(frame.gt[row]), threshold, taken)
        if column in near:
            taken.add(column)
            matches.append(Match(row, column, near[column], False))
    kept = {match.row for match in matches}
    free = [(row, column, distance) for row, near in rows.items() if row not in kept
            for column, distance in near.items() if column not in taken]
    for row, column, distance in _best_pairs(frame, free, threshold):
        before = last.get(frame.gt[row])
        switched = before is not None and before != frame.pred[column]
        matches.append(Match(row, column, distance, switched))
        last[frame.gt[row]] = frame.pred[column]
    return matches


def _kept_column(frame: MatchedFrame, track: int | None, threshold: float, taken: set[int]) -> int:
    """Where a track stands in the frame, if it is not taken; -1 for nowhere."""
    for column in () if track is None else frame.columns.get(track, ()):
        if column not in taken and frame.scores[column] >= threshold:
            return column
    return -1


def _best_pairs(frame: MatchedFrame, free: list[tuple[int, int, float]],
                threshold: float) -> list[tuple[int, int, float]]:
    """As many pairs as possible, at the smallest sum of distances."""
    rows, columns, _ = zip(*free, strict=True) if free else ((), (), ())
    if len(set(rows)) == len(rows) and len(set(columns)) == len(columns):
        return free
    # All of the frame, as py-motmetrics hands it on: of equal sums the solver then takes the same.
    place = {column: number for number, column in
             enumerate(np.flatnonzero(frame.scores >= threshold).tolist())}
    largest = max(distance for _, _, distance in free) + 1
    size = len(frame.gt), len(place)
    cost = np.full(size, 2 * min(size) * largest + 1)
    distances = {(row, place[column]): (column, distance) for row, column, distance in free}
    for where, (_, distance) in distances.items():
        cost[where] = distance
    pairs = zip(*(found.tolist() for found in linear_sum_assignment(cost)), strict=True)
    return [(where[0], *distances[where]) for where in pairs if where in distances]
