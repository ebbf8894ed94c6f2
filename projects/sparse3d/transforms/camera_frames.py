"""Which earlier (and later) pictures a multi-frame camera detector sees.

A camera set is one picture of each camera at about the same time. Sets are numbered
``(row, number)``: row of the sample in the info file, then 0 for its key frame and 1, 2, ...
for the sets before that key frame, newest first, back to the key frame before.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.errors import ConfigError

CameraSet = tuple[int, int]
MOST_CANDIDATES = 60   # sets that are looked at in each direction
_STEPS = 6             # unit of the intervals: a sixth of the time between key frames
KINDS = ('past', 'future', 'interleaved')


def frame_offsets(kind: str, num_frames: int) -> tuple[int, ...]:
    """Which frames a model reads, counted from its own (0): earlier ones are negative.

    Args:
        kind: see :class:`FrameChoice`.
        num_frames: T.
    """
    if kind == 'past':
        return tuple(range(0, -num_frames, -1))
    steps = range(1, (num_frames - 1) // 2 + 1)
    if kind == 'future':
        return (0, *(-step for step in steps), *steps)
    return (0, *(offset for step in steps for offset in (-step, step)))


@dataclass(frozen=True)
class FrameChoice:
    """How a sample's frames are chosen; frame 0 is now, frame 1 always the nearest past one.

    Args:
        num_frames: frames of a sample, T.
        kind: ``'past'``: now, then T-1 earlier ones, nearest first. ``'future'``: now, then
            the earlier ones, then as many later ones. ``'interleaved'``: now, past 1,
            future 1, past 2, ... T is odd for the last two.
        test_interval: between frames in testing, in sixths of the time between key frames.
        train_intervals: smallest and largest one in training, drawn anew for each sample.
        across_scenes: at the end of a scene take later frames from the next
            one, as the released code does, instead of repeating the last.
        key_frames: key frames alone, ``kind`` ``'past'``; intervals are counted in them. What lies
            before the scene is absent: the sample's own frame stands in its place.

    Where the data set has fewer pictures than five between key frames, intervals shrink
    in proportion, to one set at least.

    Raises:
        ConfigError: for options that contradict each other.

    Source: SparseBEV (ICCV 2023), section 4.1, and its released code.
    """
    num_frames: int = 1
    kind: str = 'past'
    test_interval: int = 6
    train_intervals: tuple[int, int] = (4, 8)
    across_scenes: bool = False
    key_frames: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f'kind of frames is {self.kind!r}; use one of {", ".join(KINDS)}')
        if self.num_frames < 1 or (self.kind != 'past' and self.num_frames % 2 == 0):
            raise ConfigError(f'num_frames is {self.num_frames}; it must be positive, and odd '
                              f'where later frames are taken')
        low, high = self.train_intervals
        if not 1 <= low <= high or self.test_interval < 1:
            raise ConfigError(f'intervals {self.train_intervals} and {self.test_interval} of '
                              f'frames must be positive, the smaller first')
        if self.key_frames and self.kind != 'past':
            raise ConfigError(f"key_frames goes with frames of the kind 'past', not {self.kind!r}")

    def choose(self, timeline: Timeline, row: int, training: bool) -> list[CameraSet]:
        """The T camera sets of a sample; draws from ``numpy.random`` in training."""
        now = (row, 0)
        if self.num_frames == 1:
            return [now]
        past = timeline.past(row)
        if self.key_frames:
            keys = [camera_set for camera_set in past if camera_set[1] == 0]
            low, high = self.train_intervals if training else (self.test_interval, ) * 2
            step = int(np.random.randint(low, high + 1))
            there = keys[step - 1::step][:self.num_frames - 1]
            return [now, *there, *[now] * (self.num_frames - 1 - len(there))]
        if self.kind == 'past':
            return [now, *self._within(past, self.num_frames - 1, timeline, now, training)]
        half = (self.num_frames - 1) // 2
        future = timeline.future(row, self.across_scenes)
        interval = self._interval(timeline, training)
        before, after = (_every(interval, candidates, half, now) for candidates in (past, future))
        around = [now, *after, *before[::-1]]  # an offset is the place, from the end if negative
        return [around[offset] for offset in frame_offsets(self.kind, self.num_frames)]

    def _within(self, candidates: list[CameraSet], wanted: int, timeline: Timeline,
                now: CameraSet, training: bool) -> list[CameraSet]:
        """Past frames; in training no interval is drawn that would leave the candidates."""
        if not training or not candidates:
            return _every(self._interval(timeline, False), candidates, wanted, now)
        if len(candidates) <= wanted:  # all there are; the oldest stands in for the rest
            return candidates + [candidates[-1]] * (wanted - len(candidates))
        low, high = (timeline.scaled(value) for value in self.train_intervals)
        high = min(high, len(candidates) // wanted)
        low = min(low, high)
        return _every(int(np.random.randint(low, high + 1)), candidates, wanted, now)

    def _interval(self, timeline: Timeline, training: bool) -> int:
        if not training:
            return timeline.scaled(self.test_interval)
        low, high = (timeline.scaled(value) for value in self.train_intervals)
        return int(np.random.randint(low, high + 1))


class Timeline:
    """Order of the camera sets of a split.

    Args:
        scenes: (R,) scene of each sample, in order of time within a scene.
        sweeps: (R,) camera sets between a sample's key frame and the one before; ignored
            for the first sample of a scene.
    """

    def __init__(self, scenes: Sequence[str], sweeps: Sequence[int]) -> None:
        self.scenes = np.unique(np.array(list(scenes), dtype=str), return_inverse=True)[1]
        self.sweeps = np.array(sweeps, dtype=np.int64)
        for row in range(len(self.sweeps)):
            if self.is_first(row):
                self.sweeps[row] = 0
        self.per_key = int(self.sweeps.max(initial=0)) + 1

    def is_first(self, row: int) -> bool:
        """Whether a sample is the first of its scene."""
        return row == 0 or self.scenes[row] != self.scenes[row - 1]

    def scaled(self, interval: int) -> int:
        """An interval in sixths of the time between key frames as a number of sets."""
        return max(1, round(interval * self.per_key / _STEPS))

    def past(self, row: int) -> list[CameraSet]:
        """Sets before a key frame, newest first, until the scene begins or there are enough.

        Where a sample has fewer sets than others have, its oldest one stands in, so that
        key frames lie at equal distances.
        """
        found: list[CameraSet] = []
        while len(found) < MOST_CANDIDATES and not self.is_first(row):
            found += [(row, number) for number in self._padded(row)] + [(row - 1, 0)]
            row -= 1
        return found

    def future(self, row: int, across_scenes: bool = False) -> list[CameraSet]:
        """Sets after a key frame in order of time, until the scene ends or there are enough."""
        found: list[CameraSet] = []
        row += 1
        while len(found) < MOST_CANDIDATES and row < len(self.scenes):
            if self.is_first(row):
                if not across_scenes:
                    break
                found.append((row, 0))
            else:
                found += [(row, number) for number in self._padded(row)[::-1]] + [(row, 0)]
            row += 1
        return found

    def _padded(self, row: int) -> list[int]:
        there = int(self.sweeps[row])
        return [min(number, there) for number in range(1, self.per_key)]


def _every(interval: int, candidates: list[CameraSet], wanted: int,
           now: CameraSet) -> list[CameraSet]:
    if not candidates:
        return [now] * wanted
    places = (min(step * interval - 1, len(candidates) - 1) for step in range(1, wanted + 1))
    return [candidates[place] for place in places]
