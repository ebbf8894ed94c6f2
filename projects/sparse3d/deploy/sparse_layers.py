"""spconv's layers as nodes of a graph: normalizations folded, activations and biases fused."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmdet3d.models.layers import SparseBasicBlock
from spconv.pytorch import SparseSequential
from spconv.pytorch.conv import SparseConvolution
from torch import Tensor, nn

from sparse3d.compat.spconv_pointwise_weights import MARK, effective_matrix
from sparse3d.deploy.sparse_graph import Kernel, SparseGraph, SparseValue
from sparse3d.errors import ConfigError
from sparse3d.models.layers.pruned_convolution import PrunedConvolution
from sparse3d.models.layers.sparse_residual_block import SparseResidualBlock


def add_layers(graph: SparseGraph, layers: Sequence[nn.Module], value: SparseValue) -> SparseValue:
    """Convolutions, each perhaps with a normalization and ReLU behind it, and residual blocks.

    Raises:
        ConfigError: for a layer that has no node.
    """
    waiting = list(_flat(layers))
    while waiting:
        layer = waiting.pop(0)
        if isinstance(layer, SparseBasicBlock):
            value = _basic_block(graph, layer, value)
        elif isinstance(layer, SparseResidualBlock):
            first = add_layers(graph, [layer.first], value)
            value = graph.add_rectified(add_layers(graph, [layer.second], first), value)
        elif isinstance(layer, SparseConvolution):
            norm = waiting.pop(0) if waiting and _is_norm(waiting[0]) else None
            relu = waiting.pop(0) if waiting and isinstance(waiting[0], nn.ReLU) else None
            value = add_convolution(graph, layer, value, norm, relu is not None)
        else:
            raise ConfigError(f'{type(layer).__name__} in a sparse encoder has no node in '
                              f'Autoware\'s operators; the model cannot be exported')
    return value


def add_convolution(graph: SparseGraph, layer: SparseConvolution, value: SparseValue,
                    norm: nn.Module | None = None, relu: bool = False) -> SparseValue:
    """A convolution with what stands behind it."""
    if layer.inverse or layer.transposed:
        raise ConfigError('inverse and transposed sparse convolutions are not exported')
    if isinstance(layer, PrunedConvolution):
        raise ConfigError('pruned sparse convolutions have no node in Autoware\'s operators; '
                          'export the model without middle_encoder.pruning: its weights fit')
    kernel = Kernel(*(tuple(int(number) for number in numbers) for numbers in (
        layer.kernel_size, layer.stride, layer.padding, layer.dilation)), bool(layer.subm))
    weight, bias = folded(layer, norm)
    return graph.convolution(value, weight, bias, kernel, 'relu' if relu else None)


@torch.no_grad()
def folded(layer: SparseConvolution, norm: nn.Module | None) -> tuple[np.ndarray,
                                                                     np.ndarray | None]:
    """Weight [C', kz, ky, kx, C] and bias [C'] of a convolution with a normalization in it."""
    weight, bias = layer.weight.double(), layer.bias
    if layer.conv1x1 and getattr(layer, MARK, 'spconv') == 'spconv':
        weight = effective_matrix(weight).reshape(weight.shape)
    bias = None if bias is None else bias.double()
    if norm is not None:
        scale, shift = scale_and_shift(norm)
        weight = weight * scale.view(-1, *[1] * (weight.dim() - 1))
        bias = shift if bias is None else bias * scale + shift
    return _array(weight), None if bias is None else _array(bias)


def scale_and_shift(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """What a batch normalization in evaluation mode multiplies with and adds, float64."""
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


def _basic_block(graph: SparseGraph, block: SparseBasicBlock, value: SparseValue) -> SparseValue:
    if block.downsample is not None:
        raise ConfigError('a sparse residual block with a down-sampling is not exported')
    inside = add_convolution(graph, block.conv1, value, block.norm1, relu=True)
    return graph.add_rectified(add_convolution(graph, block.conv2, inside, block.norm2), value)


def _flat(layers: Sequence[nn.Module]) -> Iterator[nn.Module]:
    for layer in layers:
        if isinstance(layer, SparseSequential | nn.Sequential):
            yield from _flat(list(layer))
        elif not isinstance(layer, nn.Identity):
            yield layer


def _is_norm(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm1d) and layer.running_mean is not None


def _array(values: Tensor) -> np.ndarray:
    return values.float().numpy()
