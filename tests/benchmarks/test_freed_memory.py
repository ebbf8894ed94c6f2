"""The benchmark of kept memory runs each way in its own process."""
from __future__ import annotations

from sparse3d.engine.timing import Timing
from sparse3d_benchmarks import freed_memory


def test_rows_compare_kept_with_default(monkeypatch):
    measured = {True: (Timing(1.0, 0.1, 3), 900.0), False: (Timing(1.5, 0.1, 3), 600.0)}
    monkeypatch.setattr(freed_memory, '_in_a_new_process', lambda keep, *_: measured[keep])
    time, memory = freed_memory.run(threads=1, repeats=3)
    assert (time['value'], time['baseline'], time['ratio']) == (1000, 1500, 1.5)
    assert (memory['value'], memory['baseline']) == (900, 600)


def test_a_step_is_timed_in_a_process_of_its_own(monkeypatch):
    time, peak = freed_memory._in_a_new_process(True, 1, 1)
    assert 0 < time.median < 600 and 100 < peak < 100_000
