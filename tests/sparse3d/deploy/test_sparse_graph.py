"""Nodes as the sources of Autoware's plug-ins read them."""
from __future__ import annotations

import numpy as np
import onnx.reference
import torch
from onnx import TensorProto, helper

from sparse3d.deploy.folder.reference_operators import OPERATORS
from sparse3d.deploy.sparse_graph import Kernel, SparseGraph, SparseValue

VALUE = SparseValue('features', 'voxels', (5, 8, 9), 2)
# Fields that the creators of the plug-ins read, of the commits that reference_operators.py names.
PAIRS = {'batch_size', 'spatial_shape', 'algo', 'ksize', 'stride', 'padding', 'dilation',
         'out_padding', 'subm', 'transpose', 'is_train', 'do_sort'}
GEMM = {'is_train', 'is_subm', 'act_alpha', 'act_beta', 'output_scale', 'output_add_scale',
        'act_type'}


def one_convolution(**geometry):
    graph = SparseGraph()
    kernel = Kernel((3, 3, 3), **geometry)
    weight = np.ones((4, 3, 3, 3, 2), np.float32)
    value = graph.convolution(VALUE, weight, np.zeros(4, np.float32), kernel, 'relu')
    return graph, value


def test_fields_inputs_and_outputs_are_those_of_the_plug_ins():
    graph, _ = one_convolution()
    pairs, gemm = graph.nodes
    assert {field.name for field in pairs.attribute} == PAIRS
    assert {field.name for field in gemm.attribute} == GEMM
    assert (pairs.domain, gemm.domain) == ('autoware', 'autoware')
    assert (len(pairs.input), len(pairs.output)) == (1, 5)
    assert list(gemm.input[2:5]) == list(pairs.output[1:4])  # pairs, mask, order
    shapes = {weight.name: list(weight.dims) for weight in graph.weights}
    assert shapes[gemm.input[1]] == [4, 3, 3, 3, 2] and shapes[gemm.input[5]] == [4]


def test_a_submanifold_kernel_is_centered_whatever_padding_the_layer_was_given():
    graph, value = one_convolution(padding=(0, 0, 0), dilation=(2, 1, 1))
    fields = {field.name: list(field.ints) or field.i for field in graph.nodes[0].attribute}
    assert (fields['padding'], fields['stride'], fields['subm']) == ([2, 1, 1], [1, 1, 1], 1)
    assert value.voxels == VALUE.voxels and value.shape == VALUE.shape


def test_a_strided_kernel_has_new_voxels_and_another_shape():
    graph, value = one_convolution(stride=(2, 2, 2), padding=(0, 1, 1), submanifold=False)
    assert value.voxels == graph.nodes[0].output[0] and value.shape == (2, 4, 5)


def test_voxels_become_a_map_with_height_under_channels():
    graph = SparseGraph()
    bev = graph.dense(VALUE)
    content = graph.model(
        [helper.make_tensor_value_info('features', TensorProto.FLOAT, ['N', 2]),
         helper.make_tensor_value_info('voxels', TensorProto.INT32, ['N', 4])],
        [helper.make_tensor_value_info(bev, TensorProto.FLOAT, [1, 10, 8, 9])])
    evaluator = onnx.reference.ReferenceEvaluator(onnx.load_from_string(content),
                                                  new_ops=OPERATORS)
    voxels = np.array([[0, 1, 2, 3], [0, 4, 7, 8]], np.int32)
    features = np.array([[1, 2], [3, 4]], np.float32)
    found, = evaluator.run(None, {'features': features, 'voxels': voxels})
    expected = torch.zeros(1, 2, 5, 8, 9)
    expected[0, :, 1, 2, 3] = torch.tensor([1., 2.])
    expected[0, :, 4, 7, 8] = torch.tensor([3., 4.])
    np.testing.assert_array_equal(found, expected.flatten(1, 2).numpy())
