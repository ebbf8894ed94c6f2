from __future__ import annotations

import time

import pytest
import torch

from sparse3d.engine.timing import measure, torch_threads


def test_median_is_that_of_the_timed_calls():
    pauses = iter([0.2, 0.01, 0.01, 0.05])  # the first is the warm-up
    timing = measure(lambda: time.sleep(next(pauses)), repeats=3, warmup=1)
    assert 0.01 <= timing.median < 0.05
    assert timing.repeats == 3
    assert timing.milliseconds == pytest.approx(1e3 * timing.median)


def test_one_call_has_no_spread():
    assert measure(lambda: None, repeats=1, warmup=0).iqr == 0


def test_refuses_no_repeats():
    with pytest.raises(ValueError, match='at least 1'):
        measure(lambda: None, repeats=0)


def test_threads_are_set_back():
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
