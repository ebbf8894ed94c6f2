from __future__ import annotations

import pytest
import torch
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import BackendUnavailable
from sparse3d.weight_sparsity.compress import (
    compress,
    compression_lack,
    why_not_compressed,
)
from sparse3d.weight_sparsity.patterns import two_of_four


def two_of_four_layer(inputs=128, outputs=64, device='cpu'):
    layer = nn.Linear(inputs, outputs, device=device)
    layer.weight.data.mul_(two_of_four(layer.weight))
    return layer


def test_on_a_cpu_the_reason_is_said():
    with pytest.raises(BackendUnavailable, match='NVIDIA GPUs .* the model is on cpu'):
        compress(nn.Sequential(two_of_four_layer()))


def test_what_stays_dense_and_why():
    assert why_not_compressed(two_of_four_layer()) == ''
    assert why_not_compressed(nn.Linear(128, 64)) == 'not 2:4'
    assert 'no multiple' in why_not_compressed(two_of_four_layer(100))
    attention = nn.MultiheadAttention(64, 4)
    assert 'reads the weight itself' in why_not_compressed(attention.out_proj)


@pytest.mark.skipif(bool(compression_lack('cuda' if torch.cuda.is_available() else 'cpu')),
                    reason=compression_lack('cuda' if torch.cuda.is_available() else 'cpu'))
def test_compressed_layers_give_the_masked_ones_results():
    model = nn.Sequential(two_of_four_layer(device='cuda'), nn.ReLU(),
                          nn.Linear(64, 32, device='cuda')).eval()
    given = torch.randn(2, 64, 128, device='cuda')
    with torch.no_grad():
        expected = model(given)
        assert compress(model) == {'0': '', '2': 'not 2:4'}
        assert torch.allclose(model(given), expected, atol=1e-2)
