"""Memory that the tensors of one call hold at a time."""
from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from torch.profiler import ProfilerActivity, profile


def peak_mebibytes(function: Callable[[], object]) -> float:
    """Most memory that the tensors of one call hold at a time, as torch's profiler sees it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        function()
    events = sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    changes = [event.nbytes() for event in events if event.name() == '[memory]']
    return max(accumulate(changes), default=0) / 2 ** 20
