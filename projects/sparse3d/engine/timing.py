"""Time of a function: warm-up, then the median of repeated calls."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch


@dataclass(frozen=True)
class Timing:
    """Seconds per call.

    Attributes:
        median: the middle call.
        iqr: distance between the first and the third quartile of the calls.
        repeats: number of timed calls.
    """

    median: float
    iqr: float
    repeats: int

    @property
    def milliseconds(self) -> float:
        """The median in milliseconds."""
        return self.median * 1e3


def measure(function: Callable[[], Any], repeats: int = 10, warmup: int = 2,
            clock: Callable[[], float] = time.perf_counter) -> Timing:
    """Call ``function`` and time it; work queued on a CUDA device is waited for.

    Args:
        function: called without arguments; what it returns is dropped.
        repeats: number of timed calls.
        warmup: number of calls before them that are not timed.
        clock: seconds so far; ``time.process_time`` counts what this process computed, which a
            busy machine changes little.

    Raises:
        ValueError: if ``repeats`` is below 1.
    """
    if repeats < 1:
        raise ValueError(f'repeats must be at least 1, not {repeats}')
    for _ in range(warmup):
        function()
    seconds = [_one_call(function, clock) for _ in range(repeats)]
    return Timing(median(seconds), _interquartile_range(seconds), repeats)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run a block with this number of torch threads, then set the former number again."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _one_call(function: Callable[[], Any], clock: Callable[[], float]) -> float:
    _wait_for_device()
    start = clock()
    function()
    _wait_for_device()
    return clock() - start


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _interquartile_range(seconds: list[float]) -> float:
    if len(seconds) < 2:
        return 0.0
    first, _, third = quantiles(seconds, n=4, method='inclusive')
    return third - first
