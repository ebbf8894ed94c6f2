"""spconv's layers on the pretended device: our CPU operators, under the rules of its CUDA kernels.

The rules are those of the sources of spconv 2.3.8: int32 indices on the device, no bfloat16,
features and weights of one type, and in training under autocast everything in float16
(``custom_fwd(cast_inputs=torch.float16)``) whatever the type of autocast.
"""
from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from sparse3d_benchmarks.pretended_cuda.record import KERNEL
from sparse3d_benchmarks.pretended_cuda.tensors import (
    DeviceTensor,
    current_gpu,
    is_there,
    to_device,
)

_order = torch.Generator()  # of the voxels of strided layers
_on_device: ContextVar[bool] = ContextVar('on_device', default=False)


def install() -> None:
    """Route tensors of the device to the stand-ins; a second call does nothing."""
    from spconv.pytorch import conv, pool

    import sparse3d.compat.applied  # noqa: F401  (the CPU operators lie below)
    from sparse3d.compat import spconv_cpu
    if hasattr(conv.SparseConvolutionBase._conv_forward, 'below'):
        return
    for name in ('strided_pairs', 'transposed_pairs'):
        setattr(spconv_cpu, name, _shuffling(getattr(spconv_cpu, name)))
    _replace(conv.SparseConvolutionBase, '_conv_forward', _convolution)
    for owner in (pool.SparseMaxPool, pool.SparseAvgPool, pool.SparseGlobalMaxOrAvgPool):
        _replace(owner, 'forward', _pooling)


def _replace(owner: type, name: str, make: Callable) -> None:
    below = getattr(owner, name)
    forward = wraps(below)(make(below))
    forward.below = below
    setattr(owner, name, forward)


def _shuffling(build: Callable) -> Callable:
    """Strided layers: the voxels in no particular order, and a wait for their number."""
    @wraps(build)
    def shuffled(*args: Any, **kwargs: Any) -> Any:
        table = build(*args, **kwargs)
        if not _on_device.get():
            return table
        current_gpu().wait(f'{KERNEL}: number of voxels of a strided layer')
        order = torch.randperm(len(table.output_coordinates), generator=_order)
        return replace(table, neighbors=table.neighbors[:, order].contiguous(),
                       output_coordinates=table.output_coordinates[order], cache={})
    return shuffled


class _OnCpu(torch.autograd.Function):
    """A function of CPU tensors, for tensors of the device, with its gradient."""

    @staticmethod
    def forward(ctx, function, *tensors):
        leaves = [x if x is None else x.inside.detach().requires_grad_(needed)
                  for x, needed in zip(tensors, ctx.needs_input_grad[1:], strict=True)]
        with torch.enable_grad(), torch.autocast('cpu', enabled=False):
            ctx.result = function(*leaves)
        ctx.leaves = leaves
        return DeviceTensor(ctx.result.detach())

    @staticmethod
    def backward(ctx, gradient):
        wanted = [x for x in ctx.leaves if x is not None and x.requires_grad]
        found = iter(torch.autograd.grad(
            ctx.result, wanted, gradient.inside.to(ctx.result.dtype), allow_unused=True))
        return None, *(to_device(next(found)) if x is not None and x.requires_grad else None
                       for x in ctx.leaves)


def _convolution(below: Callable) -> Callable:
    def forward(self, training, input, weight, bias=None, *args, **kwargs):
        if not is_there(input.features) or len(input.features) == 0:  # the repair's part
            return below(self, training, input, weight, bias, *args, **kwargs)
        _check_indices(input, 'a convolution')
        if self.conv1x1:  # a plain product, for autocast to cast
            product = input.features @ weight.reshape(weight.shape[-1], weight.shape[0])
            return input.replace_feature(product if bias is None else product + bias)
        features, weight = _cast(input.features, weight, training)
        return _run(lambda plain, *rest: below(self, training, plain, *rest, *args, **kwargs),
                    input.replace_feature(features), weight, bias)
    return forward


def _pooling(below: Callable) -> Callable:
    def forward(self, input, *args, **kwargs):
        if not is_there(input.features) or len(input.features) == 0:
            return below(self, input, *args, **kwargs)
        _check_indices(input, type(self).__name__)
        return _run(lambda plain: below(self, plain, *args, **kwargs), input)
    return forward


def _check_indices(sparse: Any, what: str) -> None:
    if not is_there(sparse.indices):
        current_gpu().fault(f'spconv: {what} has CUDA features and indices on the CPU')
        sparse.indices = DeviceTensor(sparse.indices)
    if sparse.indices.dtype != torch.int32:
        current_gpu().fault(f'spconv: {what} has {sparse.indices.dtype} indices, not int32')


def _cast(features: Tensor, weight: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    gpu = current_gpu()
    if not is_there(weight):
        gpu.fault('spconv: weights on the CPU meet CUDA features')
    if training and torch.is_autocast_enabled('cuda'):
        features, weight = features.half(), weight.half()
    if torch.bfloat16 in (features.dtype, weight.dtype):
        gpu.fault('spconv: there is no bfloat16')
    if features.dtype != weight.dtype:
        gpu.fault(f'spconv: {features.dtype} features meet {weight.dtype} weights')
        features, weight = features.float(), weight.float()
    return features, weight


def _run(layer: Callable, sparse: Any, *tensors: Tensor | None) -> Any:
    """``layer(sparse tensor, *tensors)`` on the CPU; the result on the device."""
    kept = {}

    def run(features: Tensor, *rest: Tensor | None) -> Tensor:
        plain = sparse.shadow_copy().replace_feature(features)
        plain.indices, plain.indice_dict = sparse.indices.inside, dict(sparse.indice_dict)
        token = _on_device.set(True)
        try:
            kept['result'] = layer(plain, *rest)
        finally:
            _on_device.reset(token)
        return getattr(kept['result'], 'features', kept['result'])

    features, result = _OnCpu.apply(run, sparse.features, *tensors), kept['result']
    if isinstance(result, Tensor):  # of a global pooling
        return features
    made = sparse.shadow_copy().replace_feature(features)
    # Submanifold layers keep the very same indices.
    same = result.indices is sparse.indices.inside
    made.indices = sparse.indices if same else DeviceTensor(result.indices)
    made.spatial_shape, made.indice_dict = result.spatial_shape, result.indice_dict
    return made
