"""Attention with masks is PyTorch's."""
from __future__ import annotations

import pytest
import torch

from sparse3d.models.query.attention import Attention, FeedForward, scaled_attention


@pytest.mark.parametrize('padded', [False, True])
@pytest.mark.parametrize('masked', [False, True])
def test_attention_is_that_of_pytorch(padded, masked):
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    queries, keys = torch.randn(2, 5, 8, requires_grad=True), torch.randn(2, 7, 8)
    padding, seen = torch.rand(2, 7) > 0.6, torch.rand(2, 5, 7) > 0.4
    padding[:, 0], seen[:, :, 0] = False, True
    expected = layer(queries, keys, keys, key_padding_mask=padding if padded else None,
                     attn_mask=~seen.repeat_interleave(2, 0) if masked else None)[0]
    found = scaled_attention(layer, queries, keys, padding if padded else None,
                             seen if masked else None)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(result.square().sum(), queries, retain_graph=True)[0]
                 for result in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_dropout_acts_in_training_alone():
    """Of everything, so that what is left is known: the bias of the projection, the input."""
    layer = torch.nn.MultiheadAttention(8, 2, dropout=1.0, batch_first=True)
    torch.nn.init.normal_(layer.out_proj.bias)
    queries, keys = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    assert torch.equal(scaled_attention(layer.train(), queries, keys),
                       layer.out_proj.bias.expand(2, 5, 8))
    assert not torch.allclose(scaled_attention(layer.eval(), queries, keys), layer.out_proj.bias)


def test_dropout_stands_behind_attention_and_behind_both_layers_of_the_network():
    features, keys = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    attention, network = Attention(8, 2, dropout=1.0), FeedForward(8, 16, dropout=1.0)
    torch.nn.init.normal_(attention.attention.out_proj.bias)
    assert torch.equal(attention.train()(features, features, keys), attention.norm(features))
    assert torch.equal(network.train()(features), network.norm(features))
    rates = [part.p for part in network.network if isinstance(part, torch.nn.Dropout)]
    assert rates == [1.0, 1.0] and attention.attention.dropout == 1.0
    for module in (attention.eval(), network.eval()):
        assert not torch.allclose(module(features, *[features, keys][:2 * (module is attention)]),
                                  module.norm(features))
