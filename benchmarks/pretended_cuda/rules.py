"""What a GPU refuses, and what makes the host wait for it, operator by operator of PyTorch."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sparse3d_benchmarks.pretended_cuda.record import Gpu

HALF = (torch.half, torch.bfloat16)
COPIES = {'copy_', '_to_copy', 'copy', '_foreach_copy_'}
INDEXING = {'index', 'index_put', 'index_put_', '_index_put_impl_', '_unsafe_index',
            '_unsafe_index_put'}
# These take one number from the CPU, as pointwise operators do.
NUMBER_FROM_CPU = {'masked_fill', 'masked_fill_', 'fill', 'fill_', 'index_fill', 'index_fill_'}
WAITING = {
    '_local_scalar_dense': 'item', 'is_nonzero': 'item', 'equal': 'equal', 'allclose': 'allclose',
    'nonzero': 'nonzero', 'masked_select': 'boolean mask', 'bincount': 'bincount',
    'histc': 'histc', '_unique2': 'unique', 'unique_dim': 'unique',
    'unique_consecutive': 'unique', '_linalg_check_errors': 'linalg'}
PRODUCTS = {'mm', 'bmm', 'addmm', 'baddbmm', 'addmv', 'mv', 'dot', 'addmm_', 'baddbmm_'}
WITHOUT_HALF = {
    'linalg_inv_ex', 'linalg_solve_ex', '_linalg_solve_ex', '_linalg_svd', '_linalg_eigh',
    'linalg_cholesky_ex', '_linalg_det', '_cdist_forward', 'linalg_lstsq', 'linalg_qr'}


class Call:
    """One call of an operator.

    Attributes:
        name: without overload.
        tensors: all that it takes.
        on_device: the same, whether each lies on the device.
        result_on_device: where the result goes.
    """

    def __init__(self, function: Any, args: tuple, kwargs: dict, tensors: list[Tensor],
                 on_device: list[bool], result_on_device: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.name = function._overloadpacket.__name__
        self.tensors, self.on_device = tensors, on_device
        self.result_on_device = result_on_device

    @property
    def device_dtype(self) -> torch.dtype:
        """Of the first tensor on the device."""
        return self.tensors[self.on_device.index(True)].dtype


def check(gpu: Gpu, call: Call) -> None:
    """Note waits and faults of a call before it is computed."""
    gpu.operators[str(call.function),
                  tuple(sorted({str(x.dtype)[6:] for x in call.tensors}))] += 1
    generator = call.kwargs.get('generator')
    if call.result_on_device and generator is not None and generator.device.type != 'cuda':
        gpu.fault(f'{call.name}: a generator of the CPU for a CUDA tensor')
    if call.name in COPIES:
        _check_copy(gpu, call)
    elif not any(call.on_device):
        return
    elif call.name in INDEXING:
        _check_indexing(gpu, call)
    else:
        _check_devices(gpu, call)
        _check_dtypes(gpu, call)
        _check_waits(gpu, call)


def _check_copy(gpu: Gpu, call: Call) -> None:
    if call.name == 'copy_':
        target, source = call.on_device[0], call.on_device[-1]
    else:
        target, source = call.result_on_device, call.on_device[0]
    if source != target:
        gpu.wait('copy to the device' if target else 'copy to the CPU')


def _check_devices(gpu: Gpu, call: Call) -> None:
    takes_numbers = call.name in NUMBER_FROM_CPU or torch.Tag.pointwise in call.function.tags
    for tensor, there in zip(call.tensors, call.on_device, strict=True):
        if not there and not (takes_numbers and tensor.dim() == 0):
            first = call.tensors[call.on_device.index(True)]
            gpu.fault(f'{call.name}: a CUDA tensor {list(first.shape)} meets a CPU tensor '
                      f'{list(tensor.shape)}')
            return


def _check_dtypes(gpu: Gpu, call: Call) -> None:
    dtype = call.device_dtype
    if call.name in PRODUCTS and not (dtype.is_floating_point or dtype.is_complex):
        gpu.fault(f'{call.name}: CUDA has no product of {dtype}')
    if call.name in WITHOUT_HALF and dtype in HALF:
        gpu.fault(f'{call.name}: CUDA has none of {dtype}')


def _check_waits(gpu: Gpu, call: Call) -> None:
    if call.name in WAITING:
        gpu.wait(WAITING[call.name])
    elif call.name == 'repeat_interleave' and not call.kwargs.get('output_size'):
        gpu.wait('repeat_interleave without its size')
    elif call.name == 'segment_reduce' and not call.kwargs.get('unsafe'):
        gpu.wait('segment_reduce checks its lengths')


def _check_indexing(gpu: Gpu, call: Call) -> None:
    args, there = call.args, {id(x): on for x, on in zip(call.tensors, call.on_device, strict=True)}
    indices = [x for x in args[1] if isinstance(x, Tensor)]
    if not there[id(args[0])]:
        gpu.fault(f'{call.name}: CUDA indices or values for a CPU tensor')
        return
    if len(args) > 2 and not there[id(args[2])] and args[2].dim():
        gpu.fault(f'{call.name}: values on the CPU for a CUDA tensor')
    if any(not there[id(x)] for x in indices):
        gpu.wait('indices copied to the device')
    masks = [x for x in indices if x.dtype in (torch.bool, torch.uint8)]
    if masks and not _fills(call, indices, masks):
        gpu.wait('boolean mask')


def _fills(call: Call, indices: list[Tensor], masks: list[Tensor]) -> bool:
    """``x[mask] = number`` is a masked_fill; every other mask is a nonzero first."""
    return (call.name.startswith('index_put') and len(indices) == len(masks) == 1
            and call.args[2].numel() == 1 and not (len(call.args) > 3 and call.args[3]))
