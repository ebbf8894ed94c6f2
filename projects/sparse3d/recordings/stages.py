"""Where the time goes: seconds of each stage of the way from messages to messages."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_SHORTEST, _PER_DECADE, _DECADES = 1e-7, 40, 10  # a bin is 6 % wide


class Stages:
    """Times of the calls of each stage, counted in bins: memory does not grow with them."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._sums: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a block as one call of a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count one call."""
        if name not in self._counts:
            self._counts[name] = np.zeros(_PER_DECADE * _DECADES, np.int64)
            self._sums[name] = 0.0
        place = int(_PER_DECADE * np.log10(max(seconds, _SHORTEST) / _SHORTEST))
        self._counts[name][min(place, _PER_DECADE * _DECADES - 1)] += 1
        self._sums[name] += seconds

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def seconds(self, name: str) -> float:
        """The sum of a stage."""
        return self._sums.get(name, 0.0)

    def quantile(self, name: str, share: float) -> float:
        """Seconds that this share of the calls does not exceed, to 6 %."""
        counts = self._counts[name]
        place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
        return _SHORTEST * 10 ** ((place + .5) / _PER_DECADE)

    def table(self) -> str:
        """A line for each stage: calls, median and 95th percentile in ms, sum in s."""
        return '\n'.join(
            f'  {name:<17s}{int(self._counts[name].sum()):8d} calls  '
            f'median {self.quantile(name, .5) * 1e3:9.2f} ms  '
            f'95 % {self.quantile(name, .95) * 1e3:9.2f} ms  sum {self._sums[name]:8.1f} s'
            for name in self)
