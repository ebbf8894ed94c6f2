"""Attention with masks is PyTorch's."""
from __future__ import annotations

import pytest
import torch

from sparse3d.models.query.attention import scaled_attention


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
