from __future__ import annotations

import pytest
import spconv.pytorch as spconv
import torch
from spconv.pytorch.conv import SparseConvolutionBase
from torch import nn

from sparse3d.compat.spconv_pointwise_weights import (
    effective_matrix,
    set_pointwise_layout,
    stored_weight,
)
from sparse3d.errors import ConfigError

KINDS = {'SubMConv2d': 2, 'SubMConv3d': 3, 'SparseConv3d': 3}


def layer_and_input(kind, inputs=3, outputs=2):
    ndim = KINDS[kind]
    indices = (torch.rand(2, *[4] * ndim) < 0.3).nonzero().int()
    tensor = spconv.SparseConvTensor(torch.randn(len(indices), inputs), indices, [4] * ndim, 2)
    return getattr(spconv, kind)(inputs, outputs, 1), tensor


def test_worked_by_hand():
    # Stored rows are outputs: output 0 is shown as (1, 2, 3), output 1 as (4, 5, 6) ...
    weight = torch.tensor([[1., 2., 3.], [4., 5., 6.]]).view(2, 1, 1, 3)
    # ... but the six numbers are read as three inputs of two outputs.
    assert effective_matrix(weight).tolist() == [[1., 3., 5.], [2., 4., 6.]]


@pytest.mark.parametrize('kind', KINDS)
def test_spconv_multiplies_with_the_effective_matrix(kind):
    layer, tensor = layer_and_input(kind)
    expected = tensor.features @ effective_matrix(layer.weight).T + layer.bias
    upstream = SparseConvolutionBase._conv_forward.upstream
    torch.testing.assert_close(
        upstream(layer, True, tensor, layer.weight, layer.bias).features, expected)
    torch.testing.assert_close(layer(tensor).features, expected)
    shown = tensor.features @ layer.weight.flatten(1).T + layer.bias
    assert (expected - shown).abs().max() > 1e-3


@pytest.mark.parametrize('kind', KINDS)
def test_a_layer_told_plain_multiplies_with_what_it_shows(kind):
    layer, tensor = layer_and_input(kind)
    model = nn.Sequential(layer, nn.Linear(2, 2), getattr(spconv, kind)(3, 2, 3))
    assert set_pointwise_layout(model, 'plain') == 1
    shown = tensor.features @ layer.weight.flatten(1).T + layer.bias
    torch.testing.assert_close(layer(tensor).features, shown)
    set_pointwise_layout(model, 'spconv')
    assert not torch.allclose(layer(tensor).features, shown)


def test_gradient_reaches_the_shown_weight():
    layer, tensor = layer_and_input('SubMConv3d')
    set_pointwise_layout(layer, 'plain')
    layer(tensor).features[:, 1].sum().backward()
    torch.testing.assert_close(layer.weight.grad.flatten(1)[1], tensor.features.sum(0))
    assert not layer.weight.grad[0].any()


def test_conversions_are_inverse():
    weight = torch.randn(5, 1, 1, 1, 7)
    assert torch.equal(stored_weight(effective_matrix(weight), 3), weight)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match='not of a 1x1 convolution'):
        effective_matrix(torch.zeros(4, 3, 3, 2))
    with pytest.raises(ConfigError, match="not 'transposed'"):
        set_pointwise_layout(nn.Identity(), 'transposed')
