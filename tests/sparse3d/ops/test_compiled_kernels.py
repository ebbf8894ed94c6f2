from __future__ import annotations

import ctypes

import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops import compiled_kernels


def test_small_work_wakes_no_thread_and_large_work_all():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        assert [compiled_kernels.threads_for(work) for work in (0, 1000, 2 << 20, 1 << 40)] \
            == [1, 1, 2, 4]
    finally:
        torch.set_num_threads(before)


def test_without_a_library_a_call_is_refused(monkeypatch):
    monkeypatch.setattr(compiled_kernels, '_load', lambda: (None, 'is not there'))
    compiled_kernels.library.cache_clear()
    with pytest.raises(BackendUnavailable, match='the compiled backend is not there'):
        compiled_kernels.call('anything', 1)
    compiled_kernels.library.cache_clear()


def test_a_kernel_without_memory_raises(monkeypatch):
    class Library:
        @staticmethod
        def hungry(*given):
            assert [type(value) for value in given] == [ctypes.c_int64, ctypes.c_void_p,
                                                        ctypes.c_int]
            return 1

    monkeypatch.setattr(compiled_kernels, 'library', Library)
    with pytest.raises(MemoryError, match='hungry'):
        compiled_kernels.call('hungry', 3, torch.zeros(2), 1)


def test_a_pointer_of_another_device_is_not_read(monkeypatch):
    monkeypatch.setattr(compiled_kernels, 'library', lambda: ctypes.pythonapi)
    with pytest.raises(BackendUnavailable, match='one is on meta'):
        compiled_kernels.call_for_result('Py_IsInitialized', torch.zeros(1, device='meta'))
