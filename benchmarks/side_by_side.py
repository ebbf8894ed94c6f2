"""A whole model beside the released way of computing it: forward, forward and backward, profile.

Both share weights and inputs, and take turns, so that what else the machine does meets both.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from unittest.mock import patch

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from sparse3d.engine.timing import torch_threads
from sparse3d.ops import linear

LINES = 5            # of a profile
WORDS = 'forward', 'forward and backward'


@dataclass(frozen=True)
class SideBySide:
    """Two ways of computing the same.

    Attributes:
        name: of the model.
        ours, original: both give the same tensor, differentiable.
        leaves: what gradients are for; they are dropped after each step.
        note: sizes, and what the original's way is.
        backward: False where nothing is trained.
        original_step: the original's way with gradients where another one stands in, or None.
    """

    name: str
    ours: Callable[[], Tensor]
    original: Callable[[], Tensor]
    leaves: Sequence[Tensor]
    note: str
    backward: bool = True
    original_step: Callable[[], Tensor] | None = None

    def rows(self, repeats: int) -> list[dict]:
        """A row for each direction, in CPU time of one thread, with our five largest lines."""
        rows = []
        with torch_threads(1):
            for backward in (False, True) if self.backward else (False,):
                ways = [self._way(self.ours, backward),
                        by_pytorch(self._way(self._of(backward), backward))]
                seconds = in_turn(ways, repeats)
                lines = top_lines(ways[0])
                most = '; '.join(f'{100 * share:.0f} % {line}' for line, share in lines)
                rows.append(dict(
                    name=f'{self.name}, {WORDS[backward]}', value=1e3 * seconds[0], unit='ms',
                    baseline=1e3 * seconds[1], ratio=seconds[1] / seconds[0], original=True,
                    note=f'{self.note}; CPU time of one thread; {self._apart()}; most: {most}',
                    lines=lines))
        return rows

    def _of(self, backward: bool) -> Callable[[], Tensor]:
        return (backward and self.original_step) or self.original

    def _way(self, compute: Callable[[], Tensor], backward: bool) -> Callable[[], None]:
        def forward() -> None:
            with torch.no_grad():
                compute()

        def step() -> None:
            compute().square().mean().backward()
            for leaf in self.leaves:
                leaf.grad = None
        return step if backward else forward

    @torch.no_grad()
    def _apart(self) -> str:
        ours, original = self.ours(), self.original()
        if ours.shape != original.shape:
            return 'OTHER CELLS'
        apart = (ours - original).abs().max() / original.abs().max().clamp(min=1e-12)
        return f'largest relative difference {apart.item():.0e}'


def by_pytorch(way: Callable[[], None]) -> Callable[[], None]:
    """A call whose linear layers are PyTorch's own, as in released code."""
    def called() -> None:
        with patch.object(linear, '_suits', lambda *_: False):
            way()
    return called


def in_turn(ways: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Median CPU seconds of each way, called one after the other; each is called once before."""
    for way in ways:
        way()
    seconds: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, found in zip(ways, seconds, strict=True):
            start = time.process_time()
            way()
            found.append(time.process_time() - start)
    return [median(found) for found in seconds]


def top_lines(way: Callable[[], None], count: int = LINES) -> list[tuple[str, float]]:
    """Operators with the most time of their own in a call, and their shares of it."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        way()
    events = [(event.key, event.self_cpu_time_total) for event in found.key_averages()]
    total = sum(spent for _, spent in events) or 1.0
    events.sort(key=lambda event: -event[1])
    return [(name, spent / total) for name, spent in events[:count]]
