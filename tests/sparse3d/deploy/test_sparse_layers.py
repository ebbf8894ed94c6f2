"""Weights of layers in a graph: folded normalizations, layers without a node."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from spconv.pytorch import SparseConv3d, SparseInverseConv3d, SparseSequential, SubMConv3d
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.compat.spconv_pointwise_weights import effective_matrix, set_pointwise_layout
from sparse3d.deploy.sparse_graph import SparseGraph, SparseValue
from sparse3d.deploy.sparse_layers import add_layers, folded
from sparse3d.errors import ConfigError

VALUE = SparseValue('features', 'voxels', (9, 8, 8), 2)


def drawn_norm(channels: int) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(channels).eval()
    with torch.no_grad():
        for values in (norm.running_mean, norm.bias, norm.weight):
            values.copy_(torch.randn(channels))
        norm.running_var.copy_(torch.rand(channels) + 0.5)
    return norm


@pytest.mark.parametrize('bias', [True, False])
def test_a_folded_normalization_does_what_it_did(bias):
    layer, norm = SubMConv3d(2, 4, 3, bias=bias), drawn_norm(4)
    weight, shift = folded(layer, norm)
    row = torch.randn(27 * 2)
    plain = layer.weight.reshape(4, -1) @ row + (layer.bias if bias else 0)
    np.testing.assert_allclose(weight.reshape(4, -1) @ row.numpy() + shift,
                               norm(plain[None])[0].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_pointwise_kernel_is_the_matrix_that_spconv_multiplies_with():
    layer = SubMConv3d(2, 3, 1, bias=False)
    weight, bias = folded(layer, None)
    assert bias is None
    np.testing.assert_array_equal(weight.reshape(3, 2),
                                  effective_matrix(layer.weight).detach().numpy())
    set_pointwise_layout(layer, 'plain')
    np.testing.assert_array_equal(folded(layer, None)[0], layer.weight.detach().numpy())


def test_layers_of_one_voxel_set_share_their_pairs_and_strides_shrink_it():
    layers = SparseSequential(SubMConv3d(2, 4, 3, bias=False), drawn_norm(4), nn.ReLU(),
                              SubMConv3d(4, 4, 3, bias=False, padding=1),
                              SparseConv3d(4, 8, 3, 2, 1, bias=False), nn.Identity(),
                              SubMConv3d(8, 8, 3))
    graph = SparseGraph()
    value = add_layers(graph, [layers], VALUE)
    kinds = [node.op_type for node in graph.nodes]
    assert kinds.count('ImplicitGemm') == 4 and kinds.count('GetIndicePairsImplicitGemm') == 3
    assert (value.shape, value.channels) == ((5, 4, 4), 8)
    activations = [field.i for node in graph.nodes for field in node.attribute
                   if field.name == 'act_type']
    assert activations == [1, 0, 0, 0]
    assert [len(node.input) for node in graph.nodes if node.op_type == 'ImplicitGemm'] == [
        6, 5, 5, 6]


def test_layers_without_a_node_are_named():
    with pytest.raises(ConfigError, match='LayerNorm in a sparse encoder has no node'):
        add_layers(SparseGraph(), [nn.LayerNorm(2)], VALUE)
    with pytest.raises(ConfigError, match='inverse and transposed'):
        add_layers(SparseGraph(), [SparseInverseConv3d(2, 2, 3, indice_key='a')], VALUE)
    with pytest.raises(ConfigError, match='5x5x5 has more than 32 offsets'):
        add_layers(SparseGraph(), [SubMConv3d(2, 2, 5)], VALUE)
