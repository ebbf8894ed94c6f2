"""mmcv's sparse convolutions on the CPU against dense convolutions."""
from __future__ import annotations

import pytest
import torch
from mmcv.ops import SparseConv3d, SparseConvTensor, SparseInverseConv3d, SubMConv3d
from mmcv.ops.sparse_conv import SparseConvolution

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat.mmcv_sparse_cpu import apply_patch

SHAPE = [5, 6, 7]


@pytest.fixture
def tensor():
    indices = (torch.rand(2, *SHAPE) < 0.3).nonzero().int()
    features = torch.randn(len(indices), 4, requires_grad=True)
    return SparseConvTensor(features, indices, SHAPE, 2)


def dense_result(layer, tensor, **geometry):
    return torch.nn.functional.conv3d(
        tensor.dense(), layer.weight.permute(4, 3, 0, 1, 2), layer.bias, **geometry)


def at_voxels(dense, tensor):
    return dense.movedim(1, -1)[tuple(tensor.indices.long().T)]


def test_submanifold(tensor):
    layer = SubMConv3d(4, 3, (1, 3, 3), padding=1)
    output = layer(tensor)
    expected = at_voxels(dense_result(layer, tensor, padding=(0, 1, 1)), output)
    assert torch.allclose(output.features, expected, atol=1e-5)
    assert torch.equal(output.indices, tensor.indices) and output.spatial_shape == SHAPE
    output.features.sum().backward()
    assert tensor.features.grad.any() and layer.weight.grad.any()


def test_strided_and_back(tensor):
    down = SparseConv3d(4, 3, 3, stride=2, padding=1, bias=False, indice_key='down')
    output = down(tensor)
    dense = dense_result(down, tensor, stride=2, padding=1)
    assert output.spatial_shape == list(dense.shape[2:])
    assert torch.allclose(output.features, at_voxels(dense, output), atol=1e-5)
    up = SparseInverseConv3d(3, 4, 3, indice_key='down', bias=False)
    back = up(output)
    assert torch.equal(back.indices, tensor.indices) and back.spatial_shape == SHAPE
    expected = torch.nn.functional.conv_transpose3d(
        output.dense(), up.weight.permute(3, 4, 0, 1, 2), stride=2, padding=1,
        output_padding=(0, 1, 0))
    assert torch.allclose(back.features, at_voxels(expected, back), atol=1e-5)


def test_layers_of_one_key_share_the_first_table(tensor):
    first, second = (SubMConv3d(4, 4, kernel, bias=False, indice_key='shared')
                     for kernel in ((1, 3, 3), (3, 1, 3)))
    alone = SubMConv3d(4, 4, (1, 3, 3), bias=False)
    alone.weight.data = second.weight.data.view(1, 3, 3, 4, 4)
    middle = first(tensor)
    expected = alone(SparseConvTensor(middle.features, middle.indices, SHAPE, 2))
    assert torch.equal(second(middle).features, expected.features)


def test_a_larger_kernel_under_a_known_key_uses_its_first_offsets(tensor):
    first = SubMConv3d(4, 4, (1, 3, 3), bias=False, indice_key='shared')
    second = SubMConv3d(4, 3, 3, bias=False, indice_key='shared')
    alone = SubMConv3d(4, 3, (1, 3, 3), bias=False)
    alone.weight.data = second.weight.data[:1]
    middle = first(tensor)
    expected = alone(SparseConvTensor(middle.features, middle.indices, SHAPE, 2))
    assert torch.equal(second(middle).features, expected.features)


def test_one_by_one_is_upstreams_and_an_inverse_without_partner_is_refused(tensor):
    layer = SubMConv3d(4, 3, 1)
    assert torch.allclose(layer(tensor).features,
                          tensor.features @ layer.weight.view(4, 3) + layer.bias)
    with pytest.raises(ValueError, match="same indice_key before it; 'nowhere' has none"):
        SparseInverseConv3d(4, 3, 3, indice_key='nowhere')(tensor)


def test_no_voxels():
    nothing = SparseConvTensor(torch.zeros(0, 4), torch.zeros(0, 4, dtype=torch.int32), SHAPE, 1)
    assert SubMConv3d(4, 3, 3)(nothing).features.shape == (0, 3)
    assert SparseConv3d(4, 3, 3, stride=2)(nothing).features.shape == (0, 3)


def test_upstream_has_no_cpu_form_and_repairing_twice_is_repairing_once(tensor):
    with pytest.raises(RuntimeError):
        SparseConvolution.forward.upstream(SubMConv3d(4, 3, 3), tensor)
    once = SparseConvolution.forward
    apply_patch()
    assert SparseConvolution.forward is once
