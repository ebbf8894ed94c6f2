"""Pieces of work for tests of clusters, whose workers import them by name."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError


def write_slowly(folder: Path, number: int) -> int:
    """Write a file in half a second and return a square; 3 is damaged."""
    if number == 3:
        raise DataError('three is damaged')
    (folder / f'begun-{number}-{os.getpid()}-{time.monotonic_ns()}').touch()
    time.sleep(0.5)
    write_bytes_atomically(folder / f'{number}.txt', str(number).encode())
    return number * number


def dies_at_two(number: int) -> int:
    """Return the number; 2 kills its process, as the system would."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
