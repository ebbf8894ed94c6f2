"""Three ways of seeing what a step holds."""
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from sparse3d_benchmarks.step_memory import memory_of

SIZE = 32  # mebibytes


def test_arrays_and_tensors_are_told_apart():
    def step():
        return torch.ones(SIZE * 2 ** 18), np.ones(2 * SIZE * 2 ** 18, np.float32)

    tensors, arrays, process = memory_of(step)
    assert tensors == pytest.approx(SIZE, abs=1) and arrays == pytest.approx(2 * SIZE, rel=0.2)
    if sys.platform == 'linux':
        assert process == pytest.approx(3 * SIZE, rel=0.3)
