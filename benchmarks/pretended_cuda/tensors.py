"""Tensors of the pretended device: PyTorch takes them for CUDA tensors, a CPU tensor is inside."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from sparse3d_benchmarks.pretended_cuda.arithmetic import compute
from sparse3d_benchmarks.pretended_cuda.record import DeviceFault, Gpu
from sparse3d_benchmarks.pretended_cuda.rules import Call, check

DEVICE = torch.device('cuda', 0)
saved_storages: set[int] = set()  # where the values lie that files are written from
_open: list[Gpu] = []  # of the blocks that are open, the innermost last


def current_gpu() -> Gpu:
    """Of the block that is open."""
    return _open[-1]


class DeviceTensor(Tensor):
    """On ``cuda:0`` for everybody; ``inside`` is the CPU tensor with its values."""

    inside: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inside: Tensor) -> DeviceTensor:
        made = Tensor._make_wrapper_subclass(
            cls, inside.size(), strides=inside.stride(), storage_offset=inside.storage_offset(),
            dtype=inside.dtype, layout=inside.layout, device=DEVICE, requires_grad=False)
        made.inside = inside
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return dispatch(function, args, kwargs or {})

    def __repr__(self) -> str:
        return f'DeviceTensor({self.inside.detach()!r})'

    def numpy(self, *args: Any, **kwargs: Any) -> None:
        raise DeviceFault("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @property
    def data(self) -> DeviceTensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not is_there(value) or (value.shape, value.dtype) != (self.shape, self.dtype):
            raise DeviceFault('.data of a CUDA tensor is set to one of the CPU, or of another kind')
        self.inside = value.inside

    def __reduce_ex__(self, protocol: int) -> tuple:
        """Into a file of ``torch.save``, with the note that it lay on the device."""
        inside = self.inside.detach()
        saved_storages.add(inside.untyped_storage().data_ptr())
        return inside.__reduce_ex__(protocol)

    def __deepcopy__(self, memo: dict) -> DeviceTensor:
        copy = self.detach().clone().requires_grad_(self.requires_grad)
        copy.__dict__.update({key: value for key, value in self.__dict__.items()
                              if key != 'inside'})
        memo[id(self)] = copy
        return copy


def is_there(value: Any) -> bool:
    """Whether a value is a tensor of the device."""
    return isinstance(value, DeviceTensor)


def to_cpu(tree: Any) -> Any:
    """The CPU tensors inside, without a wait: what a kernel sees."""
    return tree_map(lambda x: x.inside if is_there(x) else x, tree)


def to_device(tree: Any) -> Any:
    """All tensors of a tree on the device."""
    return tree_map(lambda x: DeviceTensor(x) if isinstance(x, Tensor) and not is_there(x) else x,
                    tree)


class DeviceMode(TorchDispatchMode):
    """Sees what makes tensors of the device out of none: factories and copies."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __enter__(self):
        _open.append(self.gpu)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        _open.pop()
        super().__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return dispatch(function, args, kwargs or {})


def dispatch(function: Any, args: tuple, kwargs: dict) -> Any:
    """Check the devices, compute on the CPU, wrap what is on the device."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = [is_there(x) for x in tensors]
    device = kwargs.get('device')
    result_there = any(there) if device is None else torch.device(device).type == 'cuda'
    if not any(there) and not result_there:
        return function(*args, **kwargs)
    call = Call(function, args, kwargs, tensors, there, result_there)
    if _open:
        check(current_gpu(), call)
    if call.name == 'is_pinned':
        return False
    plain_args, plain_kwargs = to_cpu((args, kwargs))
    if device is not None:
        plain_kwargs['device'] = torch.device('cpu')
    plain_kwargs.pop('pin_memory', None)
    if call.name == '_to_copy' and there[0] != result_there:
        plain_kwargs.pop('non_blocking', None)
    result = compute(function, plain_args, plain_kwargs)
    # A tensor that was written in place stays the tensor that it was.
    known = {id(x.inside): x for x in tensors if is_there(x)}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor) or is_there(value):
            return value
        return known.get(id(value)) if id(value) in known else \
            DeviceTensor(value) if result_there else value

    result = tree_map(wrapped, result)
    if torch.Tag.inplace_view in function.tags:
        return return_and_correct_aliasing(function, args, kwargs, result)
    return result
