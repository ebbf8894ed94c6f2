"""A voxel detector, from voxels to boxes, as one graph.

With a sparse encoder (mmdet3d's ``SparseEncoder`` and what is built like it) its convolutions
become nodes of Autoware's TensorRT plug-ins; with pillars all operators are ONNX's own.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
import torch
from mmdet3d.models.middle_encoders import PointPillarsScatter
from mmdet3d.models.voxel_encoders import HardSimpleVFE, PillarFeatureNet
from mmengine.config import Config
from onnx import TensorProto, ValueInfoProto, helper
from torch import Tensor, nn

from sparse3d.deploy.dense_boxes import boxes_of
from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.sparse_graph import SparseGraph, SparseValue
from sparse3d.deploy.sparse_layers import add_layers
from sparse3d.deploy.voxel_inputs import drawn_voxels
from sparse3d.deploy.voxel_statement import PILLAR_DETECTOR, SPARSE_DETECTOR
from sparse3d.errors import ConfigError

COVERED = ('voxel_encoder.', 'middle_encoder.', 'backbone.', 'neck.', 'bbox_head.')
DYNAMIC = {name: {0: 'M'} for name in ('voxels', 'num_points', 'coordinates')}
EncoderNodes = Callable[[SparseGraph, nn.Module, SparseValue], SparseValue]


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a voxel detector; see :func:`sparse3d.deploy.export_folder.export_folder`."""
    return export_folder(config, checkpoint, out, voxel_graphs, clouds, cfg_options)


def voxel_graphs(detector: nn.Module, config: Config, clouds: Sequence[str | PathLike] = (),
                 nodes_of: EncoderNodes | None = None, fused: bool = True) -> list[Graph]:
    """The graph of a detector in evaluation mode.

    Args:
        detector: with ``voxel_encoder``, ``middle_encoder``, ``backbone``, ``neck`` and
            ``bbox_head``.
        config: of the detector.
        clouds: float32 files with the columns of the model's points.
        nodes_of: adds the nodes of an encoder; default: those of ``SparseEncoder``.
        fused: see :class:`SparseGraph`.

    Raises:
        ConfigError: if a part of the detector has no graph.
    """
    for name in ('voxel_encoder', 'middle_encoder', 'backbone', 'bbox_head'):
        if getattr(detector, name, None) is None:
            raise ConfigError(f'{type(detector).__name__} has no {name}; only voxel detectors are '
                              f'exported here')
    if isinstance(detector.middle_encoder, PointPillarsScatter):
        return [_pillar_graph(detector, clouds)]
    return [_sparse_graph(detector, clouds, nodes_of, fused)]


class MapToBoxes(nn.Module):
    """2D backbone, neck, head and decoding."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck = detector.backbone, getattr(detector, 'neck', None)
        self.boxes = boxes_of(detector.bbox_head)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Boxes from ``bev`` [1, C, H, W]."""
        maps = self.backbone(inputs['bev'])
        return self.boxes(list(self.neck(maps) if self.neck is not None else maps))


class VoxelsToBoxes(nn.Module):
    """The whole detector as PyTorch runs it: what the graph is compared with."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.voxel_encoder, self.middle_encoder = detector.voxel_encoder, detector.middle_encoder
        self.dense = MapToBoxes(detector)

    @torch.no_grad()
    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Boxes from ``voxels``, ``num_points`` and ``coordinates`` of one sample."""
        return self.dense({'bev': self.bev(inputs)})

    def bev(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The middle encoder's map [1, C, H, W]."""
        coordinates = inputs['coordinates']
        features = self.voxel_encoder(inputs['voxels'], inputs['num_points'], coordinates)
        encoded = self.middle_encoder(features, coordinates, 1)
        return encoded[0] if isinstance(encoded, tuple) else encoded


def encoder_nodes(graph: SparseGraph, encoder: nn.Module, value: SparseValue) -> SparseValue:
    """Nodes of mmdet3d's ``SparseEncoder``.

    Raises:
        ConfigError: for an encoder that is built in another way, or of layers without a node.
    """
    parts = [getattr(encoder, name, None) for name in ('conv_input', 'encoder_layers', 'conv_out')]
    if None in parts or tuple(getattr(encoder, 'order', ('conv', ))[:1]) != ('conv', ) \
            or len(getattr(encoder, 'focal_layers', ())) \
            or getattr(encoder, 'image_layer', None) is not None:
        raise ConfigError(f'{type(encoder).__name__} is no SparseEncoder of plain convolutions; '
                          f'its plug-in has to bring its nodes')
    return add_layers(graph, parts, value)


def encoded_voxels(detector: nn.Module, nodes_of: EncoderNodes | None = None, fused: bool = True
                   ) -> tuple[SparseGraph, SparseValue]:
    """A graph from ``voxels``, ``num_points`` and ``coordinates`` to what the middle encoder of a
    detector gives.

    Args:
        detector: with ``voxel_encoder`` and ``middle_encoder``.
        nodes_of, fused: see :func:`voxel_graphs`.

    Raises:
        ConfigError: for an encoder without a graph.
    """
    encoder = detector.voxel_encoder
    if not isinstance(encoder, HardSimpleVFE):
        raise ConfigError(f'the voxel encoder {type(encoder).__name__} has no graph; '
                          f'HardSimpleVFE has')
    graph = SparseGraph(fused)
    total = graph.one('ReduceSum', 'voxels', graph.constant(_integers(1)), keepdims=0)
    total = graph.one('Slice', total, graph.constant(_integers(0)),
                      graph.constant(_integers(encoder.num_features)),
                      graph.constant(_integers(1)))
    count = graph.one('Cast', 'num_points', to=TensorProto.FLOAT)
    mean = graph.one('Div', total, graph.one('Unsqueeze', count, graph.constant(_integers(1))))
    shape = tuple(int(cells) for cells in detector.middle_encoder.sparse_shape)
    return graph, (nodes_of or encoder_nodes)(
        graph, detector.middle_encoder,
        SparseValue(mean, 'coordinates', shape, encoder.num_features))


def voxel_infos(voxels: Tensor) -> list[ValueInfoProto]:
    """The inputs of such a graph, of voxels like these [M, points, columns]."""
    points, columns = voxels.shape[1:]
    return [helper.make_tensor_value_info('voxels', TensorProto.FLOAT, ['M', points, columns]),
            helper.make_tensor_value_info('num_points', TensorProto.INT32, ['M']),
            helper.make_tensor_value_info('coordinates', TensorProto.INT32, ['M', 4])]


def _sparse_graph(detector: nn.Module, clouds: Sequence[str | PathLike],
                  nodes_of: EncoderNodes | None, fused: bool) -> Graph:
    graph, encoded = encoded_voxels(detector, nodes_of, fused)
    cases = drawn_voxels(detector, columns_of(detector), clouds)
    dense = MapToBoxes(detector).eval()
    outputs = graph.followed_by(to_onnx(dense, {'bev': example_map(encoded)}),
                                graph.dense(encoded))
    content = graph.model(voxel_infos(next(iter(cases.values()))['voxels']), outputs)
    return _graph(SPARSE_DETECTOR, content, detector, dense, cases)


def example_map(encoded: SparseValue) -> Tensor:
    """A drawn map [1, C, H, W] like that of encoded voxels."""
    depth, height, width = encoded.shape
    return torch.rand(1, encoded.channels * depth, height, width)


class PillarsToBoxes(nn.Module):
    """Pillars to boxes without a batch: its map is filled by one index."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.voxel_encoder, self.scatter = detector.voxel_encoder, detector.middle_encoder
        self.dense = MapToBoxes(detector)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As :class:`VoxelsToBoxes`."""
        coordinates = inputs['coordinates'].long()
        features = self.voxel_encoder(inputs['voxels'].clone(), inputs['num_points'], coordinates)
        cells = coordinates[:, 2] * self.scatter.nx + coordinates[:, 3]
        canvas = features.new_zeros(self.scatter.ny * self.scatter.nx, self.scatter.in_channels)
        canvas = canvas.index_put((cells, ), features)
        return self.dense({'bev': canvas.T.reshape(1, -1, self.scatter.ny, self.scatter.nx)})


def _pillar_graph(detector: nn.Module, clouds: Sequence[str | PathLike]) -> Graph:
    if type(detector.voxel_encoder) is not PillarFeatureNet:
        raise ConfigError(f'the pillar encoder {type(detector.voxel_encoder).__name__} has no '
                          f'graph; PillarFeatureNet has')
    cases = drawn_voxels(detector, columns_of(detector), clouds)
    model = PillarsToBoxes(detector).eval()
    free = torch.export.Dim('M', min=0)
    changing = {name: {0: free} for name in DYNAMIC}
    content = to_onnx(model, next(iter(cases.values())), changing)
    return replace(_graph(PILLAR_DETECTOR, content, detector, model.dense, cases), module=model,
                   changing=changing)


def _graph(stated, content: bytes, detector: nn.Module, dense: MapToBoxes, cases) -> Graph:
    boxes = dense.boxes
    samples = [Sample(name, inputs, boxes.without_choice if len(inputs['voxels']) < 2 else None)
               for name, inputs in cases.items()]
    return Graph(stated, content, VoxelsToBoxes(detector).eval(), samples, COVERED, DYNAMIC,
                 boxes.periods, boxes.rows_by, boxes.suppression())


def columns_of(detector: nn.Module) -> int:
    """Of a point, as far as the voxel encoder tells."""
    encoder = detector.voxel_encoder
    if isinstance(encoder, HardSimpleVFE):
        return encoder.num_features
    extra = 3 * encoder._with_cluster_center + 3 * encoder._with_voxel_center \
        + encoder._with_distance
    return encoder.pfn_layers[0].linear.in_features - extra


def _integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)
