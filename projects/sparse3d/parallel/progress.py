"""A progress line with the time left, quiet where the output is not a terminal."""
from __future__ import annotations

import sys
import time
from typing import TextIO

from sparse3d.parallel.heartbeat import SILENCE, Activity, clock, said


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
