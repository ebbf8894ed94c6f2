"""What goes on and how far it is: a line at least every ten seconds, whatever it waits for.

Whoever does something long says what, as an :class:`Activity`, or counts its pieces, as
:class:`Progress`; command lines run inside :func:`heartbeat`, which repeats the innermost of them
when nothing was printed for ten seconds.
"""
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

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


class Progress(Activity):
    """Counts finished pieces of work and prints how many are left, and for how long.

    On a terminal one line is redrawn; elsewhere a line is printed every ten seconds and at
    the end, so that logs stay readable. Inside a heartbeat it is printed as often where a
    single piece takes longer than that.

    Args:
        title: the first words of the line.
        total: number of pieces.
        done: pieces that were finished before.
    """

    def __init__(self, title: str, total: int, stream: TextIO | None = None,
                 done: int = 0) -> None:
        super().__init__(self._text)
        self.title, self.total = title, total
        self.stream = stream or sys.stderr
        self.done = self._before = done
        self._printed, self._note = self.start, ''
        if done < total:
            self.__enter__()

    def advance(self, note: str = '', pieces: int = 1) -> None:
        """Count pieces as finished."""
        self.done += pieces
        self._note = note
        last = self.done >= self.total
        pause = 0.1 if self.stream.isatty() else SILENCE
        if last:
            self.close()
        if last or time.monotonic() - self._printed >= pause:
            self.say()

    def close(self) -> None:
        """Be no longer what goes on, also if not all was done."""
        self.__exit__()

    def say(self) -> None:
        """Print the line; on a terminal in the place of the last one."""
        self._printed = time.monotonic()
        line = f'{self.line()} {self._note}'.rstrip()
        if self.stream.isatty():
            end = '\n' if self.done >= self.total else ''
            print(f'\r{line}\x1b[K', end=end, file=self.stream, flush=True)
        else:
            print(line, file=self.stream, flush=True)
        said()

    def line(self) -> str:
        """How many pieces are done, since when, and the time left if that can be told."""
        passed, done = time.monotonic() - self.start, self.done - self._before
        left = f', {clock(passed / done * (self.total - self.done))} left' if done else ''
        return f'{super().line()}{left}'

    def _text(self) -> str:
        return f'{self.title}: {self.done}/{self.total}'


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
