"""Steps with a live line of progress, a log each, and a stamp when done."""
from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


class StepFailed(Exception):
    """A step ended badly; the message is one sentence for the user."""


class Step:
    """Something to run once: ``key`` says for which inputs it counts as done."""

    def __init__(self, name: str, key: str, action: Callable[[Path], None]) -> None:
        self.name = name
        self.action = action
        self._digest = hashlib.sha256(key.encode()).hexdigest()[:16]

    def done(self, state: Path) -> bool:
        stamp = self._stamp(state)
        return stamp.exists() and stamp.read_text().strip() == self._digest

    def run(self, state: Path) -> None:
        """Run the action with its log file, then leave the stamp."""
        self._stamp(state).unlink(missing_ok=True)
        self.action(self.log(state))
        self._stamp(state).write_text(self._digest + '\n')

    def log(self, state: Path) -> Path:
        return state / (self._file_name() + '.log')

    def _stamp(self, state: Path) -> Path:
        return state / (self._file_name() + '.done')

    def _file_name(self) -> str:
        return self.name.split(':')[0].replace(' ', '_').replace("'", '')


def run_logged(command: list[str], log: Path, label: str, **options) -> None:
    """Run a command, its output into ``log``, with one line that shows the time passing.

    Raises:
        StepFailed: if the command fails; the end of its log is printed first.
    """
    with open(log, 'ab') as stream:
        stream.write(('$ ' + ' '.join(command) + '\n').encode())
        stream.flush()
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, **options)
        try:
            _wait(process, label, log)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        print(''.join(log.read_text(errors='replace').splitlines(keepends=True)[-25:]))
        raise StepFailed(f'{label} failed (exit status {process.returncode}); the whole log: {log}')


def _wait(process: subprocess.Popen, label: str, log: Path) -> None:
    """Show a clock until the process ends: live on a terminal, else every 10 seconds."""
    live = sys.stdout.isatty()
    start, shown = time.monotonic(), 0.0
    while process.poll() is None:
        time.sleep(0.2)
        passed = time.monotonic() - start
        if live:
            print(f'\r    {label} ... {passed:4.0f} s  {_last_line(log)[:50]:50s}', end='',
                  flush=True)
        elif passed - shown >= 10:
            shown = passed
            print(f'    {label} ... {passed:.0f} s', flush=True)
    end = '\r' if live else ''
    state = 'done' if process.returncode == 0 else 'failed'
    print(f'{end}    {label}: {state} in {time.monotonic() - start:.0f} s{"":50s}'.rstrip(),
          flush=True)


def _last_line(log: Path) -> str:
    with open(log, 'rb') as stream:
        stream.seek(0, 2)
        stream.seek(max(stream.tell() - 300, 0))
        lines = stream.read().decode(errors='replace').split('\n')
    return next((line.strip() for line in reversed(lines) if line.strip()), '')
