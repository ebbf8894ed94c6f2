"""spconv's convolutions and poolings for CPU tensors: correct with any number of threads.

Wrong upstream (spconv 2.3.8): on the CPU ``scatter_add`` shares two pointers between OpenMP
threads, so with more than one thread results are wrong and change from run to run; the backward
pass asks for a CUDA stream and raises; the pair tables that CUDA wheels build for CPU tensors
are wrong; average and global pooling do not exist (and the mean keeps the first channel only).
On a GPU a layer without any voxel fails ("N > 0 assert faild", spconv issue 406): one batch of
empty clouds ends a training.

Repair: for CPU tensors ``SparseConvolutionBase._conv_forward`` and the ``forward`` of the pooling
modules call :mod:`sparse3d.ops.sparse_convolution` and :mod:`sparse3d.ops.sparse_pooling` with
our own pair tables. What an ``indice_key`` means stays as it is: submanifold layers with one key
share a table, an inverse convolution finds the table of its strided partner. Quantized tensors go
the original way; those on a GPU too, or to spconv-triton, as :mod:`sparse3d.compat.sparse_backends`
chooses, but those without voxels go through the CPU. Max pooling keeps the floor of zero that
spconv has on a GPU.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import torch
from spconv.pytorch import conv, pool
from spconv.pytorch.core import IndiceData, SparseConvTensor
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from sparse3d.compat import spconv_triton_layers
from sparse3d.compat.sparse_backends import sparse_backend
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import PairTable, strided_pairs, submanifold_pairs, transposed_pairs
from sparse3d.ops.sparse_pooling import (
    global_average_pool,
    global_max_pool,
    sparse_average_pool,
    sparse_max_pool,
)

_TABLES = WeakIdKeyDictionary()  # indices -> their submanifold tables, gone with the indices


class CpuIndiceData(IndiceData):
    """What spconv keeps under an ``indice_key``, with our pair table inside."""

    def __init__(self, layer, tensor: SparseConvTensor, pairs: PairTable) -> None:
        super().__init__(
            pairs.output_coordinates, tensor.indices, None, None, tensor.spatial_shape,
            _output_shape(layer, tensor, pairs), is_subm=layer.subm, algo=layer.algo,
            ksize=layer.kernel_size, stride=layer.stride, dilation=layer.dilation,
            padding=layer.padding)
        if layer.subm:
            self.out_indices = tensor.indices
        self.pairs = pairs


def apply_patch() -> None:
    """Route CPU tensors of spconv's convolution and pooling modules to our operators."""
    _route(conv.SparseConvolutionBase, '_conv_forward', _convolve, spconv_triton_layers.convolve,
           tensor_at=1)
    pool_locally = spconv_triton_layers.pool_locally
    _route(pool.SparseMaxPool, 'forward', partial(_pool, partial(sparse_max_pool, floor=0.0)),
           pool_locally)
    _route(pool.SparseAvgPool, 'forward', partial(_pool, sparse_average_pool), pool_locally)
    # Ours, in plain torch: spconv-triton's mean keeps the first channel only, as spconv's does.
    _route(pool.SparseGlobalMaxOrAvgPool, 'forward', _pool_globally, _pool_globally)


def _route(owner: type, name: str, ours: Callable, triton: Callable, tensor_at: int = 0) -> None:
    upstream = getattr(owner, name)
    if hasattr(upstream, 'upstream'):
        return
    backends = {'ours': ours, 'spconv': upstream, 'spconv-triton': triton}

    @wraps(upstream)
    def forward(self, *args, **kwargs):
        tensor = args[tensor_at] if len(args) > tensor_at else kwargs['input']
        if len(tensor.features) == 0 and tensor.features.device.type != 'cpu' \
                and not tensor.is_quantized:
            return _without_voxels(partial(ours, self), tensor.features, args, kwargs)
        backend = 'spconv' if tensor.is_quantized else sparse_backend(tensor.features.device)
        return backends[backend](self, *args, **kwargs)

    forward.upstream = upstream
    setattr(owner, name, forward)


def _without_voxels(ours: Callable, features: Tensor, args: tuple, kwargs: dict) -> Any:
    """On the CPU in float32, there and back: shapes, tables and gradients come out as they must."""
    args = [_moved(value, 'cpu', torch.float32) for value in args]
    kwargs = {key: _moved(value, 'cpu', torch.float32) for key, value in kwargs.items()}
    return _moved(ours(*args, **kwargs), features.device, features.dtype)


def _moved(value: Any, device: torch.device | str, dtype: torch.dtype) -> Any:
    """Tensors and sparse tensors on another device, their numbers in another type."""
    if isinstance(value, SparseConvTensor):
        moved = value.shadow_copy().replace_feature(value.features.to(device, dtype))
        moved.indices = value.indices.to(device)
        return moved
    return value.to(device, dtype) if isinstance(value, Tensor) else value


def _convolve(
        self: conv.SparseConvolution,
        training: bool,
        input: SparseConvTensor,
        weight: Tensor,
        bias: Tensor | None,
        add_input: SparseConvTensor | None = None,
        channel_scale=None, output_scale=None, name=None, sparse_unique_name='',
        act_type=conv.tv.gemm.Activation.None_, act_alpha: float = 0, act_beta: float = 0,
) -> SparseConvTensor:
    """Stands in for ``SparseConvolutionBase._conv_forward``; same arguments and result."""
    if input.features.shape[1] != self.in_channels:
        raise ValueError(f'this sparse convolution takes {self.in_channels} channels, '
                         f'the features have {input.features.shape[1]}')
    if self.conv1x1:
        return _multiply(input, weight, bias)
    data = indice_data(self, input)
    pairs = data.pairs.reversed if self.inverse else data.pairs
    features = sparse_convolution(input.features, weight, pairs, bias)
    features = conv._apply_act(features, act_type, act_alpha, act_beta)
    output = output_tensor(self, input, features, data)
    if add_input is not None:
        output = output.replace_feature(conv._apply_act(
            output.features + add_input.features, self.act_type, self.act_alpha, self.act_beta))
    return output


def _multiply(tensor: SparseConvTensor, weight: Tensor, bias: Tensor | None) -> SparseConvTensor:
    """1x1 convolution with spconv's reading of the weight (see spconv_pointwise_weights)."""
    features = tensor.features @ weight.reshape(weight.shape[-1], weight.shape[0])
    return tensor.replace_feature(features if bias is None else features + bias)


def indice_data(layer, tensor: SparseConvTensor) -> CpuIndiceData:
    """The layer's pair table: found under its key, or built."""
    known = tensor.find_indice_pair(layer.indice_key)
    if layer.inverse:
        if known is None or known.is_subm:
            raise ValueError(f'an inverse convolution needs a strided convolution or a pooling '
                             f'with the same indice_key before it; {layer.indice_key!r} has none')
        layer._check_inverse_reuse_valid(tensor, tensor.spatial_shape, known)
        return known
    if known is None:
        return CpuIndiceData(layer, tensor, _pairs(layer, tensor))
    if not layer.subm:
        raise ValueError(f'indice_key {layer.indice_key!r} is taken; only submanifold layers '
                         'share a key')
    layer._check_subm_reuse_valid(tensor, tensor.spatial_shape, known)
    return known


def _pairs(layer, tensor: SparseConvTensor) -> PairTable:
    shape = [int(extent) for extent in tensor.spatial_shape]
    if layer.subm:
        return _shared_submanifold_pairs(tensor.indices, shape, layer)
    geometry = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    if getattr(layer, 'transposed', False):
        return transposed_pairs(tensor.indices, shape, *geometry, layer.output_padding)
    return strided_pairs(tensor.indices, shape, *geometry)


def _shared_submanifold_pairs(indices: Tensor, shape: list[int], layer) -> PairTable:
    """Layers without a key share a table too, as long as they get the same voxels.

    mmdet3d's residual blocks give their layers no key: 17 tables instead of 4 in one encoder.
    Voxels are compared: a buffer may be filled anew through NumPy, of which torch knows nothing.
    """
    geometry = (*shape, *layer.kernel_size, *layer.dilation)
    tables = _TABLES.setdefault(indices, {})
    known = tables.get(geometry)
    if known is None or not torch.equal(known.input_coordinates, indices.int()):
        known = submanifold_pairs(indices, shape, layer.kernel_size, layer.dilation)
        tables[geometry] = known
    return known


def _output_shape(layer, tensor: SparseConvTensor, pairs: PairTable) -> list[int]:
    return tensor.spatial_shape if layer.subm else list(pairs.output_shape)


def output_tensor(layer, tensor: SparseConvTensor, features: Tensor,
                  data: CpuIndiceData) -> SparseConvTensor:
    """The layer's result: new features, voxels and shape, and the table under its key."""
    output = tensor.shadow_copy().replace_feature(features)
    inverse = getattr(layer, 'inverse', False)
    output.indices = data.indices if inverse else data.out_indices
    output.spatial_shape = data.spatial_shape if inverse else data.out_spatial_shape
    output.indice_dict = dict(tensor.indice_dict)
    if layer.indice_key is not None:
        output.indice_dict[layer.indice_key] = data
    most = layer.get_max_num_voxels()
    if most is not None:
        most.clamp_(min=len(output.indices))
    return output


def _pool(operator: Callable, self, input: SparseConvTensor) -> SparseConvTensor:
    """Stands in for the ``forward`` of local pooling modules."""
    if self.indice_key is not None and self.indice_key in input.indice_dict:
        raise ValueError(f'indice_key {self.indice_key!r} is taken; give each pooling its own')
    data = CpuIndiceData(self, input, _pairs(self, input))
    return output_tensor(self, input, operator(input.features, data.pairs), data)


def _pool_globally(self, input: SparseConvTensor) -> Tensor:
    """Stands in for ``SparseGlobalMaxOrAvgPool.forward``; [B, C] for both kinds."""
    operator = global_average_pool if self.is_mean else global_max_pool
    return operator(input.features, input.indices[:, 0], input.batch_size)
