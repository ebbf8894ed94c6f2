"""A progress line with the time left, quiet where the output is not a terminal."""
from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Counts finished pieces of work and prints how many are left, and for how long.

    On a terminal one line is redrawn; elsewhere a line is printed every tenth of the
    work, so that logs stay readable.
    """

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        self.title, self.total = title, total
        self.stream = stream or sys.stderr
        self.done = 0
        self._start = self._printed = time.monotonic()

    def advance(self, note: str = '') -> None:
        """Count one more piece as finished."""
        self.done += 1
        now, last = time.monotonic(), self.done == self.total
        if self.stream.isatty():
            if last or now - self._printed > 0.1:
                self._printed = now
                print(f'\r{self._line(now)} {note}\x1b[K', end='\n' if last else '',
                      file=self.stream, flush=True)
        elif last or self.done * 10 // self.total > (self.done - 1) * 10 // self.total:
            print(f'{self._line(now)} {note}'.rstrip(), file=self.stream, flush=True)

    def _line(self, now: float) -> str:
        elapsed = now - self._start
        left = elapsed / self.done * (self.total - self.done)
        return (f'{self.title}: {self.done}/{self.total}, {_clock(elapsed)} elapsed, '
                f'{_clock(left)} left')


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{seconds:02d}' if hours else f'{minutes}:{seconds:02d}'
