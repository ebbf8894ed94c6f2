"""Focals Conv on LiDAR, from voxels to boxes: focal layers between the nodes of the encoder.

Dilation is written in operators of ONNX's own: the cells that important voxels grow into come from
``NonZero``, the new voxel set from ``Unique``; empty cells get zero features, so that the focal
convolution is a submanifold one on the new set, a node of Autoware as all others.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from os import PathLike

import numpy as np
from mmengine.config import Config
from onnx import TensorProto
from torch import nn

from focalsconv.focal_sparse_convolution import FocalSparseConvolution
from focalsconv.focal_sparse_encoder import FocalSparseEncoder
from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import Graph
from sparse3d.deploy.sparse_graph import Kernel, SparseGraph, SparseValue
from sparse3d.deploy.sparse_layers import add_layers, folded
from sparse3d.deploy.voxel_export import encoder_nodes, voxel_graphs
from sparse3d.errors import ConfigError


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a detector; see :func:`sparse3d.deploy.export_folder.export_folder`."""
    return export_folder(config, checkpoint, out, focal_graphs, clouds, cfg_options)


def focal_graphs(detector: nn.Module, config: Config | None = None,
                 clouds: Sequence[str | PathLike] = (), fused: bool = True) -> list[Graph]:
    """The graph of a detector; see :func:`sparse3d.deploy.voxel_export.voxel_graphs`."""
    return voxel_graphs(detector, config, clouds, focal_encoder_nodes, fused)


def focal_encoder_nodes(graph: SparseGraph, encoder: nn.Module, value: SparseValue) -> SparseValue:
    """Nodes of a :class:`FocalSparseEncoder`; those of other encoders are as always.

    Raises:
        ConfigError: for a layer that sees images.
    """
    if not isinstance(encoder, FocalSparseEncoder):
        return encoder_nodes(graph, encoder, value)
    if encoder.image_layer is not None:
        raise ConfigError('the focal layer of Focals Conv-F reads images, which has no graph')
    value = add_layers(graph, [encoder.conv_input], value)
    for number, (layers, position) in enumerate(
            zip(encoder.encoder_layers, encoder.focal_positions, strict=True), start=1):
        layers = list(layers)
        value = add_layers(graph, layers[:position], value)
        if f'stage{number}' in encoder.focal_layers:
            value = focal_layer_nodes(graph, encoder.focal_layers[f'stage{number}'], value)
        value = add_layers(graph, layers[position:], value)
    return add_layers(graph, [encoder.conv_out], value)


def focal_layer_nodes(graph: SparseGraph, layer: FocalSparseConvolution,
                      value: SparseValue) -> SparseValue:
    """Nodes of a focal layer.

    Raises:
        ConfigError: for an option that has no nodes.
    """
    options = layer.options
    if layer.fusion is not None or options.published_merge:
        raise ConfigError('a focal layer with images, published.float32_keys or '
                          'published.key_sizes has no graph')
    return _FocalNodes(graph, layer, value).convolved()


class _FocalNodes:
    """The nodes of one focal layer on one set of voxels, names of values as attributes."""

    def __init__(self, graph: SparseGraph, layer: FocalSparseConvolution,
                 value: SparseValue) -> None:
        self.graph, self.layer, self.value = graph, layer, value
        self.one = partial(graph.one)
        self.count = self.one('Shape', value.voxels, start=0, end=1)
        self._predict()
        self._keys()
        self._choose_foreground()
        self._dilate()

    def convolved(self) -> SparseValue:
        """The activated output on the new voxels."""
        layer = self.layer
        weight, bias = folded(layer.convolution, layer.norm)
        copies = layer.options.published.background_copies
        kernel = Kernel(tuple(layer.convolution.kernel_size))
        placed = SparseValue(self.placed, self.voxels, self.value.shape, self.value.channels)
        found = self.graph.convolution(placed, weight, bias, kernel, None if copies else 'relu')
        return self._with_copies(found, weight) if copies else found

    def _predict(self) -> None:
        """Importance of each voxel [N, 1], and of its neighbors [N, K-1]."""
        predictor = self.layer.predictor
        layers = [predictor.importance] if predictor.enlarge is None else [
            predictor.enlarge, predictor.importance]
        found = self.one('Sigmoid', add_layers(self.graph, layers, self.value).features)
        middle = len(self.layer.offsets)
        self.neighbor_scores, self.scores = (
            self._columns(found, start, end) for start, end in ((0, middle), (middle, middle + 1)))

    def _keys(self) -> None:
        """A number for each voxel [N, 1], and the cells that it could grow into [N, K-1]."""
        self.cells = self.one('Cast', self._columns(self.value.voxels, 1, 4),
                              to=TensorProto.INT64)
        _, height, width = self.value.shape
        self.strides = np.array([height * width, width, 1], np.int64)
        offsets = self.layer.offsets.long().numpy()
        self.keys = self.one('ReduceSum', self.one('Mul', self.cells, self._constant(self.strides)),
                             self._integers(1), keepdims=1)
        self.candidates = self.one('Add', self.keys, self._constant((offsets @ self.strides)[None]))
        reached = self.one('Add', self.one('Unsqueeze', self.cells, self._integers(1)),
                           self._constant(offsets[None]))
        lowest = int(self.layer.options.published.skip_index_zero)
        inside = self.one('And', self.one('GreaterOrEqual', reached, self._integers(lowest)),
                          self.one('Less', reached, self._constant(
                              np.array(self.value.shape, np.int64))))
        inside = self.one('Cast', inside, to=TensorProto.INT32)
        self.inside = self.one('Cast', self.one('ReduceMin', inside, self._integers(2), keepdims=0),
                               to=TensorProto.BOOL)

    def _choose_foreground(self) -> None:
        """Which voxels may grow [N, 1]."""
        options = self.layer.options
        if not options.top_k:
            self.foreground = self.one('Greater', self.scores, self._float(options.threshold))
            return
        _, rows = self.graph.node('TopK', [self.scores, self._share(options.threshold)], 2, axis=0,
                                  largest=1, sorted=1)
        nobody = self.one('Expand', self._float(0), self.one('Shape', self.scores))
        marked = self.one('ScatterElements', nobody, rows, self.one(
            'Expand', self._float(1), self.one('Shape', rows)), axis=0)
        self.foreground = self.one('Greater', marked, self._float(0.5))

    def _dilate(self) -> None:
        """The new voxels [M, 4], and the old features placed among them [M, C]."""
        options = self.layer.options
        wanted = self.one('And', self.one('GreaterOrEqual', self.neighbor_scores,
                                          self._float(options.threshold)), self.inside)
        wanted = self.one('Reshape', self.one('And', wanted, self.foreground), self._integers(-1))
        chosen = self.one('Squeeze', self.one('NonZero', wanted), self._integers(0))
        candidates, importance = (
            self.one('Gather', self.one('Reshape', each, self._integers(-1)), chosen)
            for each in (self.candidates, self.neighbor_scores))
        everything = self.one('Concat', self.one('Reshape', self.keys, self._integers(-1)),
                              candidates, axis=0)
        merged, _, slots, _ = self.graph.node('Unique', [everything], 4, sorted=1)
        end = self.one('Shape', everything)
        self.rows, of_candidates = (
            self.one('Slice', slots, start, stop) for start, stop in (
                (self._integers(0), self.count), (self.count, end)))
        size = self.one('Shape', merged)
        zeros = self.one('Expand', self._float(0), size)
        ones = self.one('Expand', self._float(1), self.one('Shape', candidates))
        self.pointing, total = (
            self._column(self.one('Gather', self.one(
                'ScatterElements', zeros, of_candidates, each, axis=0, reduction='add'), self.rows))
            for each in (ones, importance))
        if options.max_dilation is not None:
            strongest = self.one('ScatterElements', zeros, of_candidates, importance, axis=0,
                                 reduction='max')
            merged = self._strongest(merged, size, strongest)
        self.size = self.one('Shape', merged)
        self._place(total)
        self._unpack(merged)

    def _strongest(self, merged: str, size: str, strongest: str) -> str:
        """The old voxels, and the new ones asked for most strongly; of equal ones the first."""
        infinite = self.one('Expand', self._float(np.inf), self.count)
        strongest = self.one('ScatterElements', strongest, self.rows, infinite, axis=0)
        gained = self._share(self.layer.options.max_dilation)
        quota = self.one('Min', self.one('Add', self.count, gained), size)
        _, places = self.graph.node('TopK', [strongest, quota], 2, axis=0, largest=1, sorted=1)
        nobody = self.one('Expand', self._constant(np.array(0, np.int64)), size)
        kept = self.one('ScatterElements', nobody, places, self.one(
            'Expand', self._constant(np.array(1, np.int64)), quota), axis=0)
        before = self.one('Sub', self.one('CumSum', kept, self._constant(np.array(0, np.int64))),
                          self._integers(1))
        self.rows = self.one('Gather', before, self.rows)
        chosen = self.one('NonZero', self.one('Cast', kept, to=TensorProto.BOOL))
        return self.one('Gather', merged, self.one('Squeeze', chosen, self._integers(0)))

    def _share(self, share: float) -> str:
        """How many of the voxels that is, rounded down, [1]."""
        exact = self.one('Mul', self.one('Cast', self.count, to=TensorProto.DOUBLE),
                         self._constant(np.array([share], np.float64)))
        return self.one('Cast', self.one('Floor', exact), to=TensorProto.INT64)

    def _place(self, total: str) -> None:
        options, one = self.layer.options, self._float(1)
        features = self.value.features
        if options.mask_multi:
            features = self.one('Mul', features, self.scores)
        if not options.skip_mask_kernel:
            mean = self.one('Div', self.one('Add', total, one),
                            self.one('Add', self.pointing, one))
            features = self.one('Mul', features, self.one('Where', self.foreground, mean, one))
        self.placed = self._scattered(features, self.value.channels)

    def _unpack(self, merged: str) -> None:
        """Keys [M] to voxels [M, 4]."""
        depth, height, width = self.value.shape
        columns = [self.one('Mul', merged, self._integers(0))]
        for stride, extent in zip(self.strides.tolist(), (depth, height, width), strict=True):
            part = self.one('Div', merged, self._integers(stride))
            columns.append(self.one('Mod', part, self._integers(extent)))
        table = self.one('Concat', *map(self._column, columns), axis=1)
        self.voxels = self.one('Cast', table, to=TensorProto.INT32)

    def _with_copies(self, found: SparseValue, weight: np.ndarray) -> SparseValue:
        """The released nuScenes code: background voxels that others grow into count twice."""
        middle = tuple(size // 2 for size in weight.shape[1:4])
        center = np.ascontiguousarray(weight[(slice(None), *middle)].T)
        seen = self.one('MatMul', self.placed, self._constant(center))
        copies = self.one('Relu', self.one('Sub', found.features, seen))
        pointed = self.one('Greater', self.pointing, self._float(0))
        copied = self.one('And', pointed, self.one('Not', self.foreground))
        mask = self._scattered(self.one('Cast', copied, to=TensorProto.FLOAT), 1)
        features = self.one('Add', self.one('Relu', found.features),
                            self.one('Mul', copies, mask))
        return SparseValue(features, found.voxels, found.shape, found.channels)

    def _scattered(self, values: str, channels: int) -> str:
        """Rows [N, C] of the old voxels as rows [M, C] of the new ones, zero elsewhere."""
        shape = self.one('Concat', self.size, self._integers(channels), axis=0)
        zeros = self.one('Expand', self._float(0), shape)
        return self.one('ScatterND', zeros, self._column(self.rows), values)

    def _column(self, values: str) -> str:
        return self.one('Unsqueeze', values, self._integers(1))

    def _columns(self, values: str, start: int, end: int) -> str:
        return self.one('Slice', values, *map(self._integers, (start, end, 1)))

    def _constant(self, value: np.ndarray) -> str:
        return self.graph.constant(value)

    def _integers(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _float(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))
