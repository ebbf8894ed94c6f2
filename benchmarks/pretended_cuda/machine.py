"""The block in which this machine has a GPU: what ``torch.cuda`` and files say there."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch.utils._pytree import tree_map

from sparse3d.ops import constants
from sparse3d_benchmarks.pretended_cuda import library, mmcv_operators, sparse_layers
from sparse3d_benchmarks.pretended_cuda.record import Gpu
from sparse3d_benchmarks.pretended_cuda.tensors import (
    DeviceMode,
    DeviceTensor,
    is_there,
    saved_storages,
)

NAME = 'pretended GPU'
LOCATION = 'cuda:0'
ANSWERS: dict[str, Any] = dict(
    is_available=True, is_initialized=True, device_count=1, current_device=0,
    get_device_name=NAME, get_device_capability=(9, 0), is_bf16_supported=True,
    get_device_properties=SimpleNamespace(
        name=NAME, total_memory=2 ** 37, major=9, minor=0, multi_processor_count=132),
    mem_get_info=(2 ** 37, 2 ** 37), memory_allocated=0, max_memory_allocated=0,
    memory_reserved=0, max_memory_reserved=0, synchronize=None, empty_cache=None,
    reset_peak_memory_stats=None, set_device=None, manual_seed=None, manual_seed_all=None,
    seed=None, seed_all=None, get_rng_state_all=[], set_rng_state_all=None, set_rng_state=None,
    _lazy_init=None, _lazy_call=None)


@contextmanager
def pretended_cuda(gpu: Gpu | None = None) -> Iterator[Gpu]:
    """A block in which this machine has a GPU; to be entered in a process of its own.

    Args:
        gpu: what takes the notes; None makes a new one, which raises at faults.

    Raises:
        NoPretendedDevice: where there can be none; see :mod:`.library`.
    """
    library.switch_on()
    sparse_layers.install()
    mmcv_operators.install()
    _register_location()
    gpu = gpu or Gpu()
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    with ExitStack() as stack:
        for patch in _patches():
            stack.enter_context(patch)
        # A module's parameters become others on `.to('cuda')`: these are of another class.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            with DeviceMode(gpu):
                yield gpu
        finally:
            torch._C._set_only_lift_cpu_tensors(False)
            torch.__future__.set_overwrite_module_params_on_conversion(overwrite)


def _patches() -> Iterator[Any]:
    for name, value in ANSWERS.items():
        yield mock.patch.object(torch.cuda, name, lambda *_, _value=value, **__: _value)
    yield mock.patch.object(torch.cuda, 'get_rng_state', lambda *_: torch.get_rng_state())
    for name in ('device', 'Stream', 'Event', 'stream', 'current_stream', 'default_stream'):
        yield mock.patch.object(torch.cuda, name, _Idle)
    for name, dtype in (('IntTensor', torch.int32), ('FloatTensor', torch.float32)):
        yield mock.patch.object(torch.cuda, name, _unfilled(dtype))
    for name in ('tensor', 'as_tensor'):
        yield mock.patch.object(torch, name, _reading_numbers(getattr(torch, name)))
    yield mock.patch.object(torch.Tensor, 'pin_memory', lambda self, *_: self)
    # A GPU's tensors are plain ones: what is made once there is to be made once here.
    yield mock.patch.object(constants, 'KEPT', (*constants.KEPT, DeviceTensor))
    if 'mmengine.device.utils' in sys.modules:  # it asks once, when it is imported
        yield mock.patch('mmengine.device.utils.DEVICE', 'cuda')


class _Idle:
    """Stands in for streams, events and ``torch.cuda.device``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _Idle:
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Callable:
        return lambda *args, **kwargs: 0.0 if name == 'elapsed_time' else None


def _unfilled(dtype: torch.dtype) -> Callable:
    """What mmcv makes its tables with: ``torch.cuda.IntTensor(2, 3)``."""
    return lambda *shape: torch.empty(shape, dtype=dtype, device='cuda')


def _reading_numbers(make: Callable) -> Callable:
    """``torch.tensor([CUDA numbers])`` waits for each of them, below what a mode sees."""
    def made(data: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(data, list | tuple):
            data = tree_map(lambda x: x.item() if is_there(x) and x.dim() == 0 else x, data)
        return make(data, *args, **kwargs)
    return made


def _register_location() -> None:
    """Files say of tensors of the device that they lay on cuda:0; there they load to the CPU.

    A loader that maps to the device gets CPU tensors here: what copies them into a model moves
    them.
    """
    if any(entry[1] is _location_of for entry in torch.serialization._package_registry):
        return
    torch.serialization.register_package(5, _location_of, _loaded_from)


def _location_of(storage: Any) -> str | None:
    return LOCATION if storage.data_ptr() in saved_storages else None


def _loaded_from(storage: Any, location: str) -> Any:
    return storage if location.startswith('cuda') and torch.cuda.is_available() else None
