"""The rows of the demo beside busy processes, and what is run for them."""
from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from sparse3d_benchmarks import busy_demo

pytestmark = pytest.mark.fast


def test_rows_say_both_bars(monkeypatch):
    seconds = {(1, 0): 100.0, (1, 2): 180.0, (2, 0): 80.0, (2, 2): 200.0}
    monkeypatch.setattr(busy_demo, 'demo_seconds', lambda *given: seconds[given])
    rows = {row['name']: row for row in busy_demo.run(threads=2)}
    assert len(rows) == 4
    beside = rows['demo, 2 threads, beside 2 busy processes']
    assert '2.50 times its quiet time, bar 2.5' in beside['note']
    assert beside['ratio'] == pytest.approx(0.9)  # slower than one thread there
    assert rows['demo, 2 threads, alone']['ratio'] == pytest.approx(1.25)
    assert rows['demo, 1 threads, alone']['ratio'] is None


def test_the_demo_runs_with_its_threads_and_says_why_it_failed(monkeypatch):
    runs = []

    def ran(command, env, **_):
        runs.append((command, env['OMP_NUM_THREADS']))
        return SimpleNamespace(returncode=len(runs) - 1, stderr='warning\nno space left\n')

    monkeypatch.setattr(subprocess, 'run', ran)
    assert busy_demo.demo_seconds(2, 0) >= 0
    command, threads = runs[0]
    assert command[1:4] == ['-m', 'sparse3d', 'demo'] and threads == '2'
    with pytest.raises(RuntimeError, match='the demo failed: no space left'):
        busy_demo.demo_seconds(1, 0)
