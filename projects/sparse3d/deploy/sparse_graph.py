"""Graphs with sparse convolutions, as Autoware's TensorRT plug-ins take them.

Attributes, inputs and layouts follow ``perception/autoware_tensorrt_plugins`` of
github.com/autowarefoundation/autoware_universe, see
:mod:`sparse3d.deploy.folder.reference_operators`, which says the commits and what the operators
mean. ``do_sort``, ``act_type`` and the sixth input, the bias, are of that version; plug-ins before
it do not read them, so that ``fused=False`` writes bias and activation as standard operators.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sparse3d.deploy.onnx_files import OPSET
from sparse3d.errors import ConfigError

DOMAIN = 'autoware'
IR_VERSION = 10
MAX_KERNEL = 32    # bits of the pair mask
MASK_IMPLICIT_GEMM = 1  # spconv's ConvAlgo: one mask, no split
ACTIVATIONS = {None: 0, 'relu': 1}


@dataclass(frozen=True)
class SparseValue:
    """Names of a sparse tensor in the graph.

    Attributes:
        features: [N, C].
        voxels: [N, 4] int32, sample, z, y, x.
        shape: cells along z, y, x.
        channels: C.
    """

    features: str
    voxels: str
    shape: tuple[int, int, int]
    channels: int


@dataclass(frozen=True)
class Kernel:
    """Geometry of a sparse convolution, z, y, x."""

    size: tuple[int, int, int]
    stride: tuple[int, int, int] = (1, 1, 1)
    padding: tuple[int, int, int] = (0, 0, 0)
    dilation: tuple[int, int, int] = (1, 1, 1)
    submanifold: bool = True

    def output_shape(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Cells along z, y, x behind the convolution."""
        if self.submanifold:
            return tuple(shape)
        return tuple((extent + 2 * pad - step * (size - 1) - 1) // jump + 1
                     for extent, size, jump, pad, step in zip(
                         shape, self.size, self.stride, self.padding, self.dilation, strict=True))


class SparseGraph:
    """Collects nodes and weights.

    Args:
        fused: bias and activation inside ``ImplicitGemm``, as present plug-ins have it.
    """

    def __init__(self, fused: bool = True) -> None:
        self.fused = fused
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._pairs: dict[tuple, list[str]] = {}
        self._count = 0

    def constant(self, value: np.ndarray, name: str = 'constant') -> str:
        """A weight; returns its name."""
        name = self._name(name)
        self.weights.append(numpy_helper.from_array(np.asarray(value, order='C'), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], outputs: int = 1, domain: str = '',
             **attributes) -> list[str]:
        """A node; returns the names of its outputs."""
        names = [self._name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, names[0], domain=domain,
                                           **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes) -> str:
        """A node with one output; returns its name."""
        return self.node(kind, inputs, **attributes)[0]

    def convolution(self, value: SparseValue, weight: np.ndarray, bias: np.ndarray | None,
                    kernel: Kernel, activation: str | None) -> SparseValue:
        """A sparse convolution.

        Args:
            value: what goes in.
            weight: [C', kz, ky, kx, C].
            bias: [C'] or None.
            kernel: geometry.
            activation: ``'relu'`` or None.

        Raises:
            ConfigError: for more kernel offsets than the plug-ins' masks have bits.
        """
        if prod(kernel.size) > MAX_KERNEL:
            raise ConfigError(f'a sparse kernel of {"x".join(map(str, kernel.size))} has more than '
                              f'{MAX_KERNEL} offsets, the bits that ImplicitGemm has for them')
        voxels, pairs, mask, order = self.pairs(value, kernel)
        inputs = [value.features, self.constant(weight, 'filters'), pairs, mask, order]
        kind = ACTIVATIONS[activation]
        fields = dict(act_alpha=0.0, act_beta=0.0, is_subm=int(kernel.submanifold), is_train=0,
                      output_add_scale=1.0, output_scale=1.0)
        if self.fused:
            inputs += [] if bias is None else [self.constant(bias, 'bias')]
            fields['act_type'] = kind
        features = self.one('ImplicitGemm', *inputs, domain=DOMAIN, **fields)
        if not self.fused:
            if bias is not None:
                features = self.one('Add', features, self.constant(bias, 'bias'))
            if activation is not None:
                features = self.one('Relu', features)
        return SparseValue(features, voxels, kernel.output_shape(value.shape), len(weight))

    def pairs(self, value: SparseValue, kernel: Kernel) -> list[str]:
        """Names of the output's voxels, pairs, mask and order; one node for all who share them."""
        geometry = kernel
        if kernel.submanifold:  # whatever stride and padding a layer was given
            padding = tuple(size // 2 * step for size, step in
                            zip(kernel.size, kernel.dilation, strict=True))
            geometry = Kernel(kernel.size, (1, 1, 1), padding, kernel.dilation)
        key = value.voxels, value.shape, geometry
        if key not in self._pairs:
            self._pairs[key] = self.node(
                'GetIndicePairsImplicitGemm', [value.voxels], 5, DOMAIN, batch_size=1,
                algo=MASK_IMPLICIT_GEMM, is_train=0, dilation=list(geometry.dilation),
                ksize=list(geometry.size), out_padding=[0, 0, 0], padding=list(geometry.padding),
                spatial_shape=list(value.shape), stride=list(geometry.stride),
                subm=int(geometry.submanifold), transpose=0, do_sort=1)
        voxels, pairs, mask, order, _ = self._pairs[key]
        return [value.voxels if kernel.submanifold else voxels, pairs, mask, order]

    def add_rectified(self, value: SparseValue, shortcut: SparseValue) -> SparseValue:
        """ReLU of the sum of two tensors on the same voxels."""
        features = self.one('Relu', self.one('Add', value.features, shortcut.features))
        return SparseValue(features, value.voxels, value.shape, value.channels)

    def dense(self, value: SparseValue) -> str:
        """The map [1, C * D, H, W] of one sample's voxels [N, 4]."""
        depth, height, width = value.shape
        zeros = self.one('ConstantOfShape', self.constant(
            np.array([depth, height, width, value.channels], np.int64)))
        cells = self.one('Gather', value.voxels, self.constant(np.array([1, 2, 3], np.int64)),
                         axis=1)
        cells = self.one('Cast', cells, to=TensorProto.INT64)
        volume = self.one('Transpose', self.one('ScatterND', zeros, cells, value.features),
                          perm=[3, 0, 1, 2])
        return self.one('Reshape', volume, self.constant(
            np.array([1, value.channels * depth, height, width], np.int64)))

    def followed_by(self, content: bytes, source: str) -> list[onnx.ValueInfoProto]:
        """Append a graph of one input; returns its outputs, whose names stay.

        Args:
            content: of an ONNX file.
            source: name of what its input reads.
        """
        proto = onnx.load_from_string(content)
        graph = proto.graph
        outputs = [output.name for output in graph.output]
        names = {graph.input[0].name: source}
        for node in graph.node:
            node.name = f'dense/{node.name}'
            for values in (node.input, node.output):
                values[:] = [names.get(name) or _renamed(name, outputs) for name in values]
        for weight in graph.initializer:
            weight.name = _renamed(weight.name, outputs)
        self.nodes.extend(graph.node)
        self.weights.extend(graph.initializer)
        return list(graph.output)

    def model(self, inputs: Sequence[onnx.ValueInfoProto],
              outputs: Sequence[onnx.ValueInfoProto]) -> bytes:
        """The content of the ONNX file."""
        graph = helper.make_graph(self.nodes, 'detector', list(inputs), list(outputs),
                                  self.weights)
        model = helper.make_model(
            graph, producer_name='sparse3d', ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid('', OPSET), helper.make_opsetid(DOMAIN, 1)])
        onnx.checker.check_model(model)
        return model.SerializeToString()

    def _name(self, kind: str) -> str:
        self._count += 1
        return f'{kind}_{self._count}'


def _renamed(name: str, outputs: Sequence[str]) -> str:
    return name if not name or name in outputs else f'dense/{name}'
