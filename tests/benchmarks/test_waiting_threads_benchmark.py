"""The benchmark of waiting threads sets what libgomp reads, for its own processes only."""
from __future__ import annotations

import os

from sparse3d.engine.timing import Timing
from sparse3d_benchmarks import waiting_threads


def test_rows_compare_sleeping_with_spinning_threads(monkeypatch):
    def measured(spin_count, threads, repeats):
        return Timing(1.0 if spin_count == waiting_threads.ASLEEP else 9.0, 0.1, repeats)

    monkeypatch.setattr(waiting_threads, '_in_a_new_process', measured)
    alone, beside = waiting_threads.run(threads=2, repeats=3, busy=1)
    assert (alone['value'], alone['baseline'], alone['ratio']) == (1000, 9000, 9)
    assert 'alone' in alone['name'] and 'beside 1 busy' in beside['name']


def test_the_environment_is_set_back(monkeypatch):
    monkeypatch.setenv('OMP_WAIT_POLICY', 'ACTIVE')
    monkeypatch.delenv('GOMP_SPINCOUNT', raising=False)
    with waiting_threads._environment(GOMP_SPINCOUNT='7'):
        assert os.environ['GOMP_SPINCOUNT'] == '7' and 'OMP_WAIT_POLICY' not in os.environ
    assert os.environ['OMP_WAIT_POLICY'] == 'ACTIVE' and 'GOMP_SPINCOUNT' not in os.environ
