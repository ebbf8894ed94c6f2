"""mmcv's own sparse convolutions on the CPU.

Missing upstream (mmcv 2.1.0): the sparse convolutions that mmcv ships (a copy of spconv 1.x) have
no CPU form. mmdet3d takes spconv 2 in their place, except in Cylinder3D, which names them.

Repair: ``mmcv.ops.sparse_conv.SparseConvolution.forward`` hands CPU tensors to
:mod:`sparse3d.ops.sparse_convolution`. What an ``indice_key`` means stays mmcv's: a layer takes the
table that it finds under its key, also that of another kernel (Cylinder3D's blocks do so). Other
devices go the original way.
"""
from __future__ import annotations

from functools import wraps

from mmcv.ops.sparse_conv import SparseConvolution
from mmcv.ops.sparse_structure import SparseConvTensor

from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import PairTable, strided_pairs, submanifold_pairs, transposed_pairs


def apply_patch() -> None:
    """Route CPU tensors of mmcv's sparse convolutions to our operator."""
    upstream = SparseConvolution.forward
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def forward(self, input: SparseConvTensor) -> SparseConvTensor:
        if input.features.device.type != 'cpu' or self.conv1x1 or self.fused_bn:
            return upstream(self, input)
        return _convolve(self, input)

    forward.upstream = upstream
    SparseConvolution.forward = forward


def _convolve(layer: SparseConvolution, tensor: SparseConvTensor) -> SparseConvTensor:
    table = tensor.find_indice_pair(layer.indice_key)
    if layer.inverse:
        if table is None:
            raise ValueError('an inverse convolution needs a convolution with the same indice_key '
                             f'before it; {layer.indice_key!r} has none')
        table = table.reversed
    elif table is None:
        table = _pairs(layer, tensor)
        if layer.indice_key is not None:
            tensor.indice_dict[layer.indice_key] = table
    # A table of fewer offsets takes the first matrices of the weight, as mmcv's kernel does.
    weight = layer.weight.flatten(0, -3)[:table.num_offsets].movedim(-1, 0)  # [C_out, K, C_in]
    features = sparse_convolution(tensor.features, weight, table, layer.bias)
    output = SparseConvTensor(features, tensor.indices if layer.subm else table.output_coordinates,
                              list(table.output_shape), tensor.batch_size, tensor.grid)
    output.indice_dict = tensor.indice_dict
    return output


def _pairs(layer: SparseConvolution, tensor: SparseConvTensor) -> PairTable:
    shape = [int(extent) for extent in tensor.spatial_shape]
    if layer.subm:
        return submanifold_pairs(tensor.indices, shape, layer.kernel_size, layer.dilation)
    geometry = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    if layer.transposed:
        return transposed_pairs(tensor.indices, shape, *geometry, layer.output_padding)
    return strided_pairs(tensor.indices, shape, *geometry)
