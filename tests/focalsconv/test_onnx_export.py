"""Focal layers as nodes: equal to PyTorch with every option that has them, dilation included."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch

pytest.importorskip('onnx', reason='onnx is not installed (extra: export)')

import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import focalsconv.register  # noqa: F401
from focalsconv.onnx_export import focal_encoder_nodes, focal_graphs, focal_layer_nodes
from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.folder.reference_operators import OPERATORS
from sparse3d.deploy.sparse_graph import SparseGraph, SparseValue
from sparse3d.deploy.voxel_inputs import voxels_of
from sparse3d.errors import ConfigError
from tiny_voxel_detectors import RANGE, SIZE, cloud, tiny_detector


def focal_detector(published=None, **focal):
    return tiny_detector(encoder=dict(
        type='FocalSparseEncoder', voxel_size=SIZE, point_cloud_range=RANGE,
        published=published, focal=dict(stages=(1, 2), **focal)))


@pytest.mark.parametrize('published, focal', [
    (None, dict()), (None, dict(top_k=False, threshold=0.45)),
    (None, dict(mask_multi=True, skip_mask_kernel=True)),
    (None, dict(max_dilation=0.3)), (None, dict(enlarge_channels=6, threshold=0.4)),
    (dict(background_copies=True, skip_index_zero=True), dict())])
@pytest.mark.parametrize('count', [300, 1, 0])
def test_the_encoder_equals_pytorch(published, focal, count):
    detector = focal_detector(published, **focal)
    encoder = detector.middle_encoder
    inputs = {name: value[:count] for name, value in voxels_of(detector, cloud(400)).items()}
    graph = SparseGraph()
    value = focal_encoder_nodes(graph, encoder, SparseValue('features', 'voxels', (9, 32, 32), 4))
    bev = graph.dense(value)
    depth, height, width = value.shape
    content = graph.model(
        [helper.make_tensor_value_info('features', TensorProto.FLOAT, ['N', 4]),
         helper.make_tensor_value_info('voxels', TensorProto.INT32, ['N', 4])],
        [helper.make_tensor_value_info(bev, TensorProto.FLOAT,
                                       [1, value.channels * depth, height, width])])
    with torch.no_grad():
        features = detector.voxel_encoder(inputs['voxels'], inputs['num_points'],
                                          inputs['coordinates'])
        expected, encoded = encoder.encode(features, inputs['coordinates'], 1)
    found, = ReferenceEvaluator(onnx.load_from_string(content), new_ops=OPERATORS).run(
        None, {'features': features.numpy(), 'voxels': inputs['coordinates'].numpy()})
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
    if count == 300 and focal.get('top_k', True):  # it grew, or nothing was tried
        assert len(encoded.stages[0].indices) > len(features)


@pytest.mark.slow
def test_a_whole_detector_is_written(tmp_path):
    cloud(300).numpy().tofile(tmp_path / 'a.bin')
    detector = focal_detector()
    report = write_folder(detector, focal_graphs(detector, None, [tmp_path / 'a.bin']),
                          tmp_path / 'out')
    entry, = json.loads((tmp_path / 'out' / 'export.json').read_text())['graphs']
    assert {'Unique', 'NonZero', 'autoware::ImplicitGemm'} <= set(entry['operators'])
    assert len(report.compared) == 3


def test_options_without_nodes_are_refused():
    layer = focal_detector(dict(float32_keys=True)).middle_encoder.focal_layers['stage1']
    with pytest.raises(ConfigError, match='a focal layer with images, published.float32_keys or'):
        focal_layer_nodes(SparseGraph(), layer, SparseValue('a', 'b', (9, 32, 32), 4))
    wide = focal_detector(kernel_size=5).middle_encoder
    with pytest.raises(ConfigError, match='5x5x5 has more than 32 offsets'):
        focal_encoder_nodes(SparseGraph(), wide, SparseValue('a', 'b', (9, 32, 32), 4))
