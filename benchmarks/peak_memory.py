"""Memory that one call needs at a time: of its tensors, and of the whole process."""
from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from torch.profiler import ProfilerActivity, profile


def peak_mebibytes(function: Callable[[], object]) -> float:
    """Most memory that the tensors of one call hold at a time, as torch's profiler sees it.

    It does not see arrays of NumPy, of which pair tables consist where there are no compiled
    kernels: see :func:`resident_mebibytes`.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        function()
    events = sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    changes = [event.nbytes() for event in events if event.name() == '[memory]']
    return max(accumulate(changes), default=0) / 2 ** 20


def resident_mebibytes(function: Callable[[], object]) -> float | None:
    """How far the process grows in one call, whoever takes the memory; None outside of Linux."""
    clear = Path('/proc/self/clear_refs')
    if not clear.exists():
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)     # what is free goes back, or the call would not grow
    with open(os.open(clear, os.O_WRONLY), 'wb') as marks:
        marks.write(b'5')                # the highest mark falls to what is there now
    before = _status('VmRSS')
    function()
    return (_status('VmHWM') - before) / 1024


def _status(name: str) -> int:
    """Kibibytes that the kernel counts for this process."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{name}:'))
