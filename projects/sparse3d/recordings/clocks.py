"""The times of messages: stamps of their sensors, brought to one clock, and jumps of it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparse3d.errors import ConfigError
from sparse3d.recordings.transform_tree import nanoseconds

CLOCKS = ('aligned', 'stamps', 'log')
MIN_OFFSET = 150_000_000    # ns; less is how long a message is on its way
MAX_JUMP = 1_000_000_000    # ns that stamps may go on more than log times
END = 2 ** 31 * 10 ** 9      # ns; seconds of ROS 2 have 31 bits, up to the year 2038
LATE = 500_000_000          # ns; a message older by less came late; by more: the clock jumped


@dataclass(frozen=True)
class Reading:
    """The time of a message.

    Attributes:
        stamp: in nanoseconds.
        fault: why the message cannot be used; empty if it can.
        jump: seconds by which the clock jumped before it, 0 if it did not.
    """

    stamp: int
    fault: str = ''
    jump: float = 0.0


class Clocks:
    """Gives every message its time.

    Args:
        mode: ``'aligned'``: stamps of the sensors, and where a sensor's clock differs from that
            of the first LiDAR it is shifted by ``offsets``; ``'stamps'``: as they are; ``'log'``:
            when the message was recorded.
        offsets: by topic, what is added to stamps in nanoseconds.

    Raises:
        ConfigError: for another mode.
    """

    def __init__(self, mode: str = 'aligned', offsets: Mapping[str, int] | None = None) -> None:
        if mode not in CLOCKS:
            raise ConfigError(f'the clock is {mode!r}; there are {", ".join(CLOCKS)}')
        self.mode, self.offsets = mode, dict(offsets or {}) if mode == 'aligned' else {}
        self._last: dict[str, tuple[int, int]] = {}

    def read(self, topic: str, message: Any, log_time: int) -> Reading:
        """The time of the next message of a topic."""
        stamp = nanoseconds(message.header.stamp)
        if self.mode == 'log' or not stamp:  # drivers without a clock leave it empty
            stamp = log_time
        stamp += self.offsets.get(topic, 0)
        if not 0 <= stamp < END:
            return Reading(stamp, 'their time does not lie between 1970 and 2038, which ROS 2 can '
                           'say')
        before = self._last.get(topic)
        if before is None:
            self._last[topic] = stamp, log_time
            return Reading(stamp)
        passed, logged = stamp - before[0], log_time - before[1]
        if passed == 0:
            return Reading(stamp, 'they have the same time as the one before')
        if -LATE < passed < 0:
            return Reading(stamp, 'they are older than the one before')
        self._last[topic] = stamp, log_time
        if passed < 0 or passed - logged > MAX_JUMP:  # a slow disk only delays what is logged
            return Reading(stamp, jump=(passed - max(logged, 0)) / 1e9)
        return Reading(stamp)


def offsets_of(delays: Mapping[str, float], first: str) -> dict[str, int]:
    """What has to be added to the stamps of each topic, so that its clock is that of the first.

    Args:
        delays: by topic, the median of log time minus stamp in nanoseconds.
        first: the topic whose clock counts.
    """
    if first not in delays:
        return {}
    return {topic: round(delay - delays[first]) for topic, delay in delays.items()
            if abs(delay - delays[first]) > MIN_OFFSET}
