"""Sparse convolution on the CPU: gather, multiply, add up; differentiable, any number of threads.

The rows to multiply come from a :class:`~sparse3d.ops.sparse_pairs.PairTable`, so one function
serves submanifold, strided, transposed and inverse convolutions in any number of dimensions.
"""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.compiled_kernels import lack as lack_of_kernels
from sparse3d.ops.sparse_blocks import BlockedConvolution
from sparse3d.ops.sparse_compiled import (
    Bfloat16Convolution,
    CompiledConvolution,
    multiplies_bfloat16,
)
from sparse3d.ops.sparse_pairs import PairTable


def sparse_convolution(
        features: Tensor,       # [N, C_in] floating
        weight: Tensor,         # [C_out, *kernel, C_in]
        pairs: PairTable,       # N inputs, M outputs
        bias: Tensor | None = None,     # [C_out]
        backend: str = 'auto',
) -> Tensor:                    # [M, C_out]
    """Convolve sparse features: ``out[m] = bias + sum over pairs (n, m, k) of W[:, k] @ x[n]``.

    bfloat16 and float16 are added up in float32 and rounded once, at the end. The compiled kernels
    multiply bfloat16 as it is where the processor can (AVX-512 BF16), else as float32.
    Under ``torch.autocast`` features and weight are cast as a dense convolution would.

    Args:
        backend: ``'auto'``, ``'compiled'`` (the kernels that ``make install`` builds), ``'fast'``
            (PyTorch, in blocks) or ``'reference'`` (PyTorch, plain).

    Raises:
        ValueError: if shapes of features, weight, bias and pairs do not belong together.
        BackendUnavailable: for another backend, or if one of the tensors is not on the CPU.

    Source: Graham, Engelcke and van der Maaten, "3D Semantic Segmentation with Submanifold
    Sparse Convolutional Networks" (CVPR 2018), section 3; layout as in spconv 2.
    """
    _check(features, weight, pairs, bias)
    device = _other_device(features, weight, bias)
    lack = None if device is None else f'works on CPU tensors, not on {device}'
    backend = choose_backend('sparse_convolution', backend, {
        'compiled': lack or lack_of_kernels(), 'fast': lack, 'reference': lack})
    if torch.is_autocast_enabled('cpu'):
        dtype = torch.get_autocast_dtype('cpu')
        features, weight = features.to(dtype), weight.to(dtype)
        bias = bias if bias is None else bias.to(dtype)
    weight = weight.flatten(1, -2)  # [C_out, K, C_in]
    with torch.autocast('cpu', enabled=False):
        result_type = torch.promote_types(features.dtype, weight.dtype)
        work_type = torch.promote_types(result_type, torch.float32)
        if backend == 'compiled' and features.dtype == weight.dtype == torch.bfloat16 \
                and multiplies_bfloat16(weight.shape[-1]):
            result = Bfloat16Convolution.apply(features, weight, pairs)
        else:
            # An imaginary part of a conjugate is a negation that is still to be done.
            result = WAYS[backend](features.to(work_type).resolve_neg(),
                                   weight.to(work_type).resolve_neg(), pairs)
        if bias is not None:
            result = result + bias.to(work_type)
        return result.to(result_type)


def reference_convolution(
        features: Tensor,   # [N, C_in]
        weight: Tensor,     # [C_out, K, C_in]
        table: PairTable,
) -> Tensor:                # [M, C_out]
    """One kernel offset after the other, differentiated by autograd."""
    result = features.new_zeros(table.num_outputs, weight.shape[0])
    inputs, outputs, counts = table.pairs
    parts = zip(inputs.split(counts), outputs.split(counts), strict=True)
    for offset, (rows, targets) in enumerate(parts):
        result = result.index_add(0, targets, features[rows] @ weight[:, offset].T)
    return result


WAYS: dict[str, Callable[[Tensor, Tensor, PairTable], Tensor]] = {
    'compiled': CompiledConvolution.apply, 'fast': BlockedConvolution.apply,
    'reference': reference_convolution}


def _other_device(*tensors: Tensor | None) -> str | None:
    """Kind of the first device that is not the CPU: the kernels read memory where it lies."""
    kinds = (tensor.device.type for tensor in tensors if tensor is not None)
    return next((kind for kind in kinds if kind != 'cpu'), None)


def _check(features: Tensor, weight: Tensor, pairs: PairTable, bias: Tensor | None) -> None:
    kernel = weight.shape[1:-1].numel()
    if features.shape != (pairs.num_inputs, weight.shape[-1]) or kernel != pairs.num_offsets:
        raise ValueError(
            f'features {list(features.shape)} and weight {list(weight.shape)} do not fit a pair '
            f'table of {pairs.num_inputs} inputs and {pairs.num_offsets} kernel offsets')
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f'the bias is {list(bias.shape)}; a weight of {weight.shape[0]} output '
                         f'channels needs [{weight.shape[0]}]')
