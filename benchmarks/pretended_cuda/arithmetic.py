"""Operators of the pretended device computed on the CPU, half types as a GPU treats them."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from sparse3d_benchmarks.pretended_cuda.rules import HALF, WITHOUT_HALF

# A GPU adds their products up in float32, and a CPU is slow at them in half types.
SUMS = {'convolution', 'convolution_backward', 'mm', 'bmm', 'addmm', 'baddbmm'}
SOFTMAX = {'_softmax', '_log_softmax'}
SOFTMAX_BACKWARD = {'_softmax_backward_data', '_log_softmax_backward_data'}


def compute(function: Any, args: tuple, kwargs: dict) -> Any:
    """The result of an operator for CPU tensors."""
    name = function._overloadpacket.__name__
    if name in SOFTMAX and args[2]:  # half in, float32 out: autocast's, which only CUDA has
        return function(args[0].float(), args[1], False)
    if name in SOFTMAX_BACKWARD and args[3] != args[1].dtype:
        return function(*args[:3], args[1].dtype).to(args[3])
    half = next((x.dtype for x in tree_leaves(args)
                 if isinstance(x, Tensor) and x.dtype in HALF), None)
    if half is None:
        return function(*args, **kwargs)
    if name in SUMS:
        return _in_float32(function, args, kwargs, half)
    try:
        return function(*args, **kwargs)
    except (RuntimeError, NotImplementedError) as error:
        if 'not implemented for' not in str(error) or name in WITHOUT_HALF:
            raise
    return _in_float32(function, args, kwargs, half)


def _in_float32(function: Any, args: tuple, kwargs: dict, half: torch.dtype) -> Any:
    args, kwargs = _cast((args, kwargs), half, torch.float)
    return _cast(function(*args, **kwargs), torch.float, half)


def _cast(tree: Any, old: torch.dtype, new: torch.dtype) -> Any:
    return tree_map(lambda x: x.to(new) if isinstance(x, Tensor) and x.dtype == old else x, tree)
