"""Large linear layers on the CPU by oneDNN.

PyTorch multiplies float32 matrices on x86 by MKL, which does not use the widest vectors of AMD
processors: about half of what they can do. oneDNN, which comes with PyTorch for convolutions, does
(AMD EPYC with AVX-512, one thread: 100 against 200 GFLOP/s; ``sparse3d benchmark linear_layers``).
"""
from __future__ import annotations

import platform
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

FEWEST = 1 << 22    # multiplications: below, the call itself is what takes time
PROCESSORS = 'x86_64', 'AMD64'


def linear(
        features: Tensor,               # [..., C_in]
        weight: Tensor,                 # [C_out, C_in]
        bias: Tensor | None = None,     # [C_out]
) -> Tensor:                            # [..., C_out]
    """:func:`torch.nn.functional.linear`, differentiable as often; other last bits.

    What is small, on another device, of another type than float32, under autocast, being traced,
    compiled or transformed (``torch.func``), and a bias that is not [C_out] in one piece, goes to
    PyTorch as ever.
    """
    if not _suits(features, weight, bias):
        return F.linear(features, weight, bias)
    rows = features.reshape(-1, features.shape[-1])
    return _product(rows, weight, bias).view(*features.shape[:-1], weight.shape[0])


def _suits(features: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    if torch.jit.is_tracing() or torch.compiler.is_compiling():
        return False
    return weight.ndim == 2 and features.numel() * weight.shape[0] >= FEWEST \
        and features.shape[-1] == weight.shape[1] and _is_plain(bias, weight) \
        and features.device.type == weight.device.type == 'cpu' \
        and features.dtype == weight.dtype == torch.float32 \
        and not torch.is_autocast_enabled('cpu') and _is_there() and not _is_watched()


def _is_plain(bias: Tensor | None, weight: Tensor) -> bool:
    """Whether oneDNN reads a bias as it is: it goes by the pointer, whatever the strides are."""
    return bias is None or (bias.shape == weight.shape[:1] and bias.is_contiguous()
                            and (bias.dtype, bias.device) == (weight.dtype, weight.device))


@cache
def _is_there() -> bool:
    return platform.machine() in PROCESSORS and torch.backends.mkldnn.is_available() \
        and hasattr(torch.ops.mkldnn, '_linear_pointwise')


def _is_watched() -> bool:
    """Whether modes or transforms see every operator, such as counters: they know linear."""
    return not torch.backends.mkldnn.enabled or torch._C._len_torch_dispatch_stack() > 0 \
        or torch._C._are_functorch_transforms_active()


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """[N, C_in], [C_out, C_in], any strides -> [N, C_out]."""
    learns = torch.is_grad_enabled() and any(
        value is not None and value.requires_grad for value in (rows, weight, bias))
    return _Linear.apply(rows, weight, bias) if learns else _by_onednn(rows, weight, bias)


def _by_onednn(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, 'none', [], '')


class _Linear(torch.autograd.Function):

    @staticmethod
    def forward(ctx, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _by_onednn(rows, weight, bias)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_rows, of_weight, of_bias = ctx.needs_input_grad
        return (_product(gradient, weight.t()) if of_rows else None,
                _product(gradient.t(), rows.t()) if of_weight else None,
                gradient.sum(0) if of_bias else None)
