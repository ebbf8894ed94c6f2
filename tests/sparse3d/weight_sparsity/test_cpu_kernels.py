from __future__ import annotations

import pytest
import torch
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.cpu_kernels import (
    SparseLinear,
    SparsePointwise,
    compressed,
    use_sparse_kernels,
)
from sparse3d.weight_sparsity.patterns import largest


def sparse(layer, share=0.8, block=(1, 1)):
    layer.weight.data.mul_(largest(layer.weight, share, block))
    return layer


@pytest.mark.parametrize('kernel, block', [('csr', (1, 1)), ('bsr', (4, 4))])
@pytest.mark.parametrize('bias', [True, False])
def test_linear_layers_give_what_dense_ones_give(kernel, block, bias):
    layer = sparse(nn.Linear(32, 24, bias=bias), block=block)
    given = torch.randn(2, 5, 32)
    found = SparseLinear(layer, kernel, (4, 4))(given)
    assert torch.allclose(found, layer(given), atol=1e-5)


@pytest.mark.parametrize('kernel, block', [('csr', (1, 1)), ('bsr', (4, 4))])
def test_pointwise_convolutions_too(kernel, block):
    layer = sparse(nn.Conv2d(32, 24, 1), block=block)
    given = torch.randn(2, 32, 3, 7)
    with torch.no_grad():
        assert torch.allclose(SparsePointwise(layer, kernel, (4, 4))(given), layer(given),
                              atol=1e-5)


def test_layers_with_many_zeros_are_replaced():
    model = nn.Sequential(sparse(nn.Linear(32, 32), 0.95), nn.Linear(32, 32),
                          nn.MultiheadAttention(32, 4))
    sparse(model[2].out_proj, 0.95)
    given, expected = torch.randn(6, 32), None
    with torch.no_grad():
        expected = model[:2](given)
        assert use_sparse_kernels(model, min_sparsity=0.9) == ['0']
        assert torch.allclose(model[:2](given), expected, atol=1e-5)


def test_other_kernels_and_convolutions_are_refused():
    with pytest.raises(ConfigError, match="'coo'"):
        compressed(torch.ones(2, 2), 'coo')
    with pytest.raises(ConfigError, match='no 1x1 convolution'):
        SparsePointwise(nn.Conv2d(4, 4, 3))


def test_what_has_no_whole_blocks_stays_and_an_unknown_kernel_changes_nothing():
    model = nn.Sequential(sparse(nn.Linear(30, 30), 0.95), sparse(nn.Linear(32, 32), 0.95))
    with pytest.raises(ConfigError, match="'coo'"):
        use_sparse_kernels(nn.Sequential(nn.Linear(8, 8)), 'coo')
    with pytest.raises(ConfigError, match='is a layer, and layers of a model are replaced'):
        use_sparse_kernels(model[0])
    assert use_sparse_kernels(nn.Sequential()) == []
    assert use_sparse_kernels(model, 'bsr') == ['1']
    with pytest.raises(ConfigError, match='30 x 30 does not divide into blocks of 4 x 4'):
        compressed(torch.zeros(30, 30), 'bsr')
