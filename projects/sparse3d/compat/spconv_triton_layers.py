"""spconv's layers computed by spconv-triton: the module stays, its twin is called.

spconv-triton 1.0 has spconv 2.3.8's classes under other names, with the same weights and the same
reading of 1x1 kernels. A twin holds a layer's geometry and no parameters: weight and bias are
handed to it with every call, so that state dicts, optimizers and checkpoints know of nothing.
"""
from __future__ import annotations

from typing import Any

from spconv.pytorch import pool
from spconv.pytorch.conv import SparseConvolutionBase
from spconv.pytorch.core import SparseConvTensor
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

_TWINS = WeakIdKeyDictionary()  # spconv's layer -> spconv-triton's, gone with the layer
_GEOMETRY = ('ndim', 'kernel_size', 'stride', 'padding', 'dilation', 'indice_key', 'subm')
_OF_CONVOLUTIONS = ('in_channels', 'out_channels', 'groups', 'output_padding', 'transposed',
                    'inverse', 'fp32_accum')


def convolve(
        self: SparseConvolutionBase,
        training: bool,
        input: SparseConvTensor,
        weight: Tensor,
        bias: Tensor | None,
        add_input: SparseConvTensor | None = None,
        channel_scale=None, output_scale=None, name=None, sparse_unique_name='',
        act_type=None, act_alpha: float = 0, act_beta: float = 0,
) -> SparseConvTensor:
    """Stands in for ``SparseConvolutionBase._conv_forward``; same arguments and result."""
    from spconv_triton.compat import Activation
    activation = Activation.None_ if act_type is None else Activation[act_type.name]
    output = twin(self)._conv_forward(
        training, _taken(input), weight, bias, None if add_input is None else _taken(add_input),
        channel_scale, output_scale, name, activation, act_alpha, act_beta)
    return _given(self, input, output)


def pool_locally(self: pool.SparseMaxPool | pool.SparseAvgPool,
                 input: SparseConvTensor) -> SparseConvTensor:
    """Stands in for the ``forward`` of local pooling modules."""
    return _given(self, input, twin(self)(_taken(input)))


def twin(layer: Any) -> Any:
    """spconv-triton's layer of the same geometry, made once; it holds no parameters."""
    if layer not in _TWINS:
        _TWINS[layer] = _made(layer)
    return _TWINS[layer]


def _made(layer: Any) -> Any:
    from spconv_triton.compat import Activation
    from spconv_triton.pytorch import conv as triton_conv
    from spconv_triton.pytorch import pool as triton_pool
    names = _GEOMETRY
    if isinstance(layer, SparseConvolutionBase):
        # The algorithm is left to spconv-triton: that of a CPU build of spconv is the slow one.
        settings = {name: getattr(layer, name) for name in names + _OF_CONVOLUTIONS}
        return triton_conv.SparseConvolutionBase(
            **settings, act_type=Activation[layer.act_type.name], act_alpha=layer.act_alpha,
            act_beta=layer.act_beta)
    kind = (triton_pool.SparseMaxPool if isinstance(layer, pool.SparseMaxPool)
            else triton_pool.SparseAvgPool)
    return kind(**{name: getattr(layer, name) for name in names})


def _taken(tensor: SparseConvTensor) -> Any:
    """The same features, voxels and tables as spconv-triton's tensor."""
    from spconv_triton.pytorch import SparseConvTensor as TritonTensor
    return TritonTensor(tensor.features, tensor.indices, tensor.spatial_shape, tensor.batch_size,
                        voxel_num=tensor.voxel_num, indice_dict=tensor.indice_dict)


def _given(layer: Any, tensor: SparseConvTensor, output: Any) -> SparseConvTensor:
    """A result as spconv's tensor."""
    result = tensor.shadow_copy().replace_feature(output.features)
    result.indices, result.spatial_shape = output.indices, output.spatial_shape
    result.indice_dict = output.indice_dict
    most = layer.get_max_num_voxels()
    if most is not None:
        most.clamp_(min=len(output.indices))
    return result
