"""Memory of a call: what its tensors hold, and how far the process grows."""
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from sparse3d_benchmarks.peak_memory import peak_mebibytes, resident_mebibytes

SIZE = 64  # mebibytes


def arrays_and_tensors(count=SIZE * 2 ** 18):
    array = np.ones(count, np.float32)
    return array, torch.ones(count)


def test_tensors_alone_are_seen_by_the_profiler():
    assert peak_mebibytes(arrays_and_tensors) == pytest.approx(SIZE, abs=1)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_the_process_grows_by_arrays_too_and_each_call_anew():
    for _ in range(2):
        assert resident_mebibytes(arrays_and_tensors) == pytest.approx(2 * SIZE, abs=SIZE / 4)
