"""A line at least every ten seconds while something long goes on, whatever it waits for.

Whoever does something long says what, as an :class:`Activity`; command lines run inside
:func:`heartbeat`, which repeats the innermost activity when nothing was printed for ten seconds.
"""
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENCE = 10.0  # seconds without a line, at most
_RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # several processes: the first one speaks


class Activity:
    """Something that takes long, while the block runs.

    Args:
        text: what it is, or a function that says how far it is; it is called by another thread.
    """

    def __init__(self, text: str | Callable[[], str]) -> None:
        self.text = text
        self.start = time.monotonic()

    def __enter__(self) -> Activity:
        _activities.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in _activities:
            _activities.remove(self)

    def line(self) -> str:
        """What goes on, and for how long."""
        text = self.text if isinstance(self.text, str) else self.text()
        return f'{text}, {clock(time.monotonic() - self.start)} elapsed'

    def say(self) -> None:
        """Print the line."""
        print(self.line(), file=sys.stderr, flush=True)


_activities: list[Activity] = []
_lock = threading.Lock()  # held while the heartbeat prints: no process is forked in between
_last_line = time.monotonic()


def said() -> None:
    """Tell that a line was printed, so that the next one is due in ten seconds."""
    global _last_line
    _last_line = time.monotonic()


def silence() -> float:
    """Seconds since the last line."""
    return time.monotonic() - _last_line


@contextmanager
def heartbeat(interval: float = SILENCE) -> Iterator[None]:
    """Print what goes on whenever nothing was printed for ``interval`` seconds, in the block."""
    if next((os.environ[name] for name in _RANKS if name in os.environ), '0') != '0':
        yield
        return
    ended = threading.Event()
    said()
    thread = threading.Thread(target=_beat, args=(ended, interval), daemon=True, name='heartbeat')
    thread.start()
    try:
        with Activity('working'):
            yield
    finally:
        ended.set()
        thread.join()


def clock(seconds: float) -> str:
    """A duration as 2:05 or 1:02:05."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{seconds:02d}' if hours else f'{minutes}:{seconds:02d}'


def _beat(ended: threading.Event, interval: float) -> None:
    while not ended.wait(max(0.01, min(interval / 10, interval - silence()))):
        if silence() >= interval:
            with _lock:
                _say_innermost()
            said()


def _say_innermost() -> None:
    for activity in reversed(_activities[:]):
        try:
            activity.say()
            return
        except Exception:  # it changes while it is looked at: the next one out will do
            continue


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release,
                        after_in_child=_lock.release)
