"""The compiled kernels of this package, loaded at the first call that can use them."""
from __future__ import annotations

import ctypes
import logging
from functools import lru_cache

import torch
from torch import Tensor

from sparse3d.errors import BackendUnavailable
from sparse3d.ops import kernel_places

logger = logging.getLogger(__name__)
WORK_OF_THREAD = 1 << 20    # multiplications: less are done sooner than a thread wakes


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The loaded kernels, or None; :func:`lack` then says why. Looked for once in a process."""
    return _load()[0]


def lack() -> str | None:
    """None, or what keeps the kernels from running here: the end of a sentence."""
    return _load()[1]


@lru_cache(maxsize=1)
def _load() -> tuple[ctypes.CDLL | None, str | None]:
    file = kernel_places.usable_file()
    if file.path is None:
        level = logging.INFO if kernel_places.is_off() else logging.WARNING
        logger.log(level, 'sparse convolution runs in plain PyTorch: it %s', file.lack)
        return None, file.lack
    try:
        return ctypes.CDLL(str(file.path)), None
    except OSError as error:
        logger.warning('sparse convolution runs in plain PyTorch: %s', error)
        return None, f'cannot load {file.path}: {error}'


def look_again() -> None:
    """Look for the kernels anew at the next call, for instance after they were built."""
    library.cache_clear()
    _load.cache_clear()


def call(name: str, *arguments: Tensor | int | None) -> None:
    """Call a function of the library: tensors as pointers, integers as int64, None as null.

    The number of threads goes last, as a C int; see :func:`threads_for`.

    Raises:
        BackendUnavailable: without kernels, or for a tensor that is not on the CPU.
        MemoryError: if the kernel found no memory for its tables.
    """
    *values, threads = arguments
    if call_for_result(name, *values, ctypes.c_int(threads)):  # type: ignore[arg-type]
        raise MemoryError(f'{name}: no memory is left for the tables of a sparse convolution')


def call_for_result(name: str, *arguments) -> int:
    """As :func:`call`, for functions that return a number; ctypes values pass as they are.

    Raises:
        BackendUnavailable: without kernels, or for a tensor that is not on the CPU.
    """
    found = library()
    if found is None:
        raise BackendUnavailable(f'sparse convolution: the compiled backend {lack()}')
    return getattr(found, name)(*map(_as_c, arguments))


def _as_c(value):
    if isinstance(value, Tensor):
        if value.device.type != 'cpu':  # its pointer says nothing here
            raise BackendUnavailable(f'the compiled kernels read tensors on the CPU, and one is '
                                     f'on {value.device}; move it with .cpu()')
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p(None)
    return ctypes.c_int64(value) if isinstance(value, int) else value


def threads_for(multiplications: int) -> int:
    """Threads that are worth waking; results do not depend on their number."""
    return max(1, min(torch.get_num_threads(), multiplications // WORK_OF_THREAD))
