"""Boxes in the pictures of a camera alone, followed in two stages, with or without depth levels.

SparseTrack as published (arXiv 2306.05238): intersection over union, a Kalman filter with constant
velocity, and depth cascaded matching by the pseudo-depth of a box. With one level it is ByteTrack's
matching. The motion of the camera is not compensated, which the published code does from the
pictures themselves.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.image_rectangles import rectangle_ious
from sparse3d.structures.plausible_detections import real_numbers
from sparse3d.tracking.assignment import Pairs, assign_by_level
from sparse3d.tracking.depth_cascade import pseudo_depths, published_levels
from sparse3d.tracking.plausible_options import refuse_odd_options, refuse_outside
from sparse3d.tracking.tracker import seconds_of

# Standard deviations in heights of the box, as in DeepSORT and ByteTrack, there per frame of a
# thirtieth of a second.
_POSITION_STD, _VELOCITY_STD = 1 / 20, 1 / 160
_FRAMES_PER_SECOND = 30.0


@dataclass(frozen=True)
class PictureOptions:
    """Options of :class:`PictureTracker`.

    Attributes:
        levels: of pseudo-depth in both stages; 1 takes all boxes at once.
        high_score: low_score: birth_score: as of
            :class:`~sparse3d.tracking.two_stage.TwoStageOptions`.
        max_cost: of a pair in the first stage, 1 - IoU.
        low_max_cost: in the second stage.
        max_lost: how long a track waits for its next box [s].
    """

    levels: int = 3
    high_score: float = 0.4
    low_score: float = 0.1
    birth_score: float = 0.5
    max_cost: float = 0.8
    low_max_cost: float = 0.5
    max_lost: float = 1.0

    def __post_init__(self) -> None:
        refuse_odd_options(self)
        refuse_outside('max_cost', self.max_cost, 0, 1)
        refuse_outside('low_max_cost', self.low_max_cost, 0, 1)
        if self.levels < 1:
            raise ConfigError(f'levels is {self.levels!r}; it has to be at least 1')
        if not self.low_score <= self.high_score <= self.birth_score:
            raise ConfigError(f'low_score {self.low_score}, high_score {self.high_score} and '
                              f'birth_score {self.birth_score} have to rise in this order')
        if not self.max_lost > 0:
            raise ConfigError(f'max_lost is {self.max_lost!r} s; it has to be more than 0')


@dataclass(frozen=True)
class _Filtered:
    """Tracks, rows alike; the four numbers of a box share one 2 x 2 covariance."""

    corners: np.ndarray     # [N, 4] x1, y1, x2, y2
    speeds: np.ndarray      # [N, 4] pixels a second
    covariance: np.ndarray  # [N, 2, 2] of a number and its speed
    labels: np.ndarray
    ids: np.ndarray
    seen: np.ndarray        # time of the last box

    def rows(self, rows: np.ndarray) -> _Filtered:
        return _Filtered(*(value[rows] for value in vars(self).values()))

    def joined(self, other: _Filtered) -> _Filtered:
        return _Filtered(*(np.concatenate(pair) for pair in zip(
            vars(self).values(), vars(other).values(), strict=True)))


def _nothing() -> _Filtered:
    whole = np.zeros(0, np.int64)
    return _Filtered(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros((0, 2, 2)), whole, whole,
                     np.zeros(0))


class PictureTracker:
    """Boxes of one picture after the other in, their identities out; never looks ahead."""

    def __init__(self, options: PictureOptions | None = None) -> None:
        self.options = options or PictureOptions()
        self._tracks, self._next_id, self._time = _nothing(), 0, float('nan')

    def reset(self) -> None:
        """Another video begins."""
        self._tracks, self._time = _nothing(), float('nan')

    def update(self, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray,
               timestamp: float) -> np.ndarray:
        """Identity (N,) of each box, -1 for one that belongs to no track.

        Args:
            boxes: (N, 4) x1, y1, x2, y2 [pixels].
            scores: (N,).
            labels: (N,) class numbers.
            timestamp: [s], later than that of the picture before.

        Raises:
            DataError: for boxes that are none, or a time that is not later.
        """
        boxes, scores, labels = _given(boxes, scores, labels)
        timestamp = seconds_of(timestamp, 'the picture')
        seconds = 0.0 if np.isnan(self._time) else timestamp - self._time
        if not np.isnan(self._time) and not seconds > 0:
            raise DataError(f'the picture at {timestamp:.6f} s is not later than the one before, '
                            f'at {self._time:.6f} s; sort them, or call reset()')
        tracks = self._tracks.rows(timestamp - self._tracks.seen <= self.options.max_lost)
        tracks = _predicted(tracks, seconds)
        rows, columns = self._match(tracks, boxes, scores, labels)
        tracks = _corrected(tracks, rows, boxes[columns], timestamp)
        ids = np.full(len(boxes), -1)
        ids[columns] = tracks.ids[rows]
        new = np.setdiff1d(np.flatnonzero(scores >= self.options.birth_score), columns)
        ids[new] = self._next_id + np.arange(len(new))
        self._next_id += len(new)
        born = _started(boxes[new], labels[new], ids[new], timestamp)
        self._tracks, self._time = tracks.joined(born), timestamp
        return ids

    def _match(self, tracks: _Filtered, boxes: np.ndarray, scores: np.ndarray,
               labels: np.ndarray) -> Pairs:
        options = self.options
        cost = 1 - rectangle_ious(tracks.corners, boxes)
        cost[tracks.labels[:, None] != labels] = np.inf
        every = np.arange(len(tracks.ids))
        high = np.flatnonzero(scores >= options.high_score)
        low = np.flatnonzero((scores < options.high_score) & (scores >= options.low_score))
        first = self._cascade(tracks, boxes, cost, every, high, options.max_cost)
        left = np.setdiff1d(every, first[0])
        left = left[tracks.seen[left] == self._time]  # seen in the picture before
        second = self._cascade(tracks, boxes, cost, left, low, options.low_max_cost)
        return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])

    def _cascade(self, tracks: _Filtered, boxes: np.ndarray, cost: np.ndarray, rows: np.ndarray,
                 columns: np.ndarray, max_cost: float) -> Pairs:
        """Both sides are cut into levels by their own depths, as in the published code."""
        levels = [published_levels(pseudo_depths(part), self.options.levels)
                  for part in (tracks.corners[rows], boxes[columns])]
        first, second = assign_by_level(cost[np.ix_(rows, columns)], max_cost, *levels)
        return rows[first], columns[second]


def _given(boxes: Any, scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (N, 4), scores (N,), labels (N,) of a picture.

    Raises:
        DataError: for other shapes, or boxes that are none.
    """
    boxes = real_numbers(boxes, 'the boxes of a picture').astype(np.float64)
    boxes = boxes.reshape(0, 4) if not boxes.size else boxes
    scores, labels = (real_numbers(values, f'the {what} of a picture') for values, what in (
        (scores, 'scores'), (labels, 'labels')))
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not (
            scores.shape == labels.shape == (len(boxes),)):
        raise DataError(f'boxes, scores and labels of a picture have the shapes {boxes.shape}, '
                        f'{scores.shape} and {labels.shape}; (N, 4), (N,) and (N,) are needed')
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= boxes[:, :2]).any():
        raise DataError('a box of the picture is not x1, y1, x2, y2 with x2 > x1 and y2 > y1')
    if not np.isfinite(scores).all():
        raise DataError('a score of a box of the picture is not finite')
    return boxes, scores, labels


def _heights(corners: np.ndarray) -> np.ndarray:
    return np.maximum(corners[:, 3] - corners[:, 1], 1.0)


def _started(boxes: np.ndarray, labels: np.ndarray, ids: np.ndarray,
             timestamp: float) -> _Filtered:
    height = _heights(boxes)
    covariance = np.zeros((len(boxes), 2, 2))
    covariance[:, 0, 0] = (2 * _POSITION_STD * height) ** 2
    covariance[:, 1, 1] = (10 * _VELOCITY_STD * height * _FRAMES_PER_SECOND) ** 2
    return _Filtered(boxes, np.zeros_like(boxes), covariance, labels, ids,
                     np.full(len(boxes), timestamp))


def _predicted(tracks: _Filtered, seconds: float) -> _Filtered:
    move = np.array([[1.0, seconds], [0.0, 1.0]])
    frames, height = seconds * _FRAMES_PER_SECOND, _heights(tracks.corners)
    noise = np.zeros_like(tracks.covariance)
    noise[:, 0, 0] = (_POSITION_STD * height) ** 2 * frames
    noise[:, 1, 1] = (_VELOCITY_STD * height * _FRAMES_PER_SECOND) ** 2 * frames
    return replace(tracks, corners=tracks.corners + tracks.speeds * seconds,
                   covariance=move @ tracks.covariance @ move.T + noise)


def _corrected(tracks: _Filtered, rows: np.ndarray, boxes: np.ndarray,
               timestamp: float) -> _Filtered:
    here = tracks.rows(rows)
    total = here.covariance[:, 0, 0] + (_POSITION_STD * _heights(here.corners)) ** 2
    gain = here.covariance[:, :, 0] / total[:, None]
    difference = boxes - here.corners
    values = {key: value.copy() for key, value in vars(tracks).items()}
    values['corners'][rows] += gain[:, :1] * difference
    values['speeds'][rows] += gain[:, 1:] * difference
    values['covariance'][rows] -= gain[:, :, None] * here.covariance[:, :1, :]
    values['seen'][rows] = timestamp
    return _Filtered(**values)
