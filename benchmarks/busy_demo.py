"""The demo on a quiet machine and beside two processes that compute, with one thread and two."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sparse3d_benchmarks.waiting_threads import NEIGHBORS, busy_processes

FRAMES, EPOCHS, PICTURES = 60, 2, 1     # a demo of a minute or two
BAR = 2.5                               # times its quiet time beside two busy processes


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the time of the demo; each run is a process and a folder of its own.

    The machine must be quiet otherwise. Times are the clock's, and of one run each.
    """
    counts = sorted({1, max(threads, 1)})
    seconds = {(count, neighbors): demo_seconds(count, neighbors)
               for count in counts for neighbors in (0, NEIGHBORS)}
    return rows_of(seconds, counts)


def rows_of(seconds: dict[tuple[int, int], float], counts: list[int]) -> list[dict]:
    """Rows of the seconds by number of threads and of neighbors."""
    rows = []
    for (count, neighbors), value in seconds.items():
        beside = f'beside {neighbors} busy processes' if neighbors else 'alone'
        note = f'{FRAMES} frames, {EPOCHS} epochs, a process of its own'
        if neighbors:
            times = value / seconds[count, 0]
            note += f'; {times:.2f} times its quiet time, bar {BAR}'
        one = seconds[counts[0], neighbors]
        rows.append(dict(
            name=f'demo, {count} threads, {beside}', value=value, unit='s', original=False,
            baseline=one if count != counts[0] else None,
            ratio=one / value if count != counts[0] else None,
            note=note + ('; against one thread' if count != counts[0] else '')))
    return rows


def demo_seconds(threads: int, neighbors: int) -> float:
    """Seconds of the whole demo with so many threads beside so many processes that compute.

    Raises:
        RuntimeError: if it fails, with its last line.
    """
    with tempfile.TemporaryDirectory() as folder, busy_processes(neighbors):
        command = [sys.executable, '-m', 'sparse3d', 'demo', '--frames', str(FRAMES),
                   '--epochs', str(EPOCHS), '--pictures', str(PICTURES),
                   '--data-root', str(Path(folder) / 'data'), '--out', str(Path(folder) / 'out')]
        begin = time.monotonic()
        done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL,
                              env={**os.environ, 'OMP_NUM_THREADS': str(threads)})
        passed = time.monotonic() - begin
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['it said nothing'])[-1]
        raise RuntimeError(f'the demo failed: {last}')
    return passed
