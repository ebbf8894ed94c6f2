"""The repaired modules against dense convolution, and the faults they repair."""
from __future__ import annotations

import pytest
import spconv.pytorch as spconv
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from spconv.core import ConvAlgo
from spconv.pytorch.conv import SparseConvolutionBase
from spconv.pytorch.pool import SparseGlobalMaxOrAvgPool
from torch import nn

from sparse3d.compat import spconv_cpu
from sparse3d.ops.sparse_pairs import submanifold_pairs

SHAPE = [9, 16, 15]


def sparse_tensor(channels=4, share=0.15, batch_size=2, shape=SHAPE):
    taken = torch.rand(batch_size, *shape) < share
    coordinates = taken.nonzero().int()
    coordinates = coordinates[torch.randperm(len(coordinates))]
    return spconv.SparseConvTensor(
        torch.randn(len(coordinates), channels), coordinates, list(shape), batch_size)


def dense_weight(layer):
    return layer.weight.detach().movedim(-1, 1)


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_threads_race_upstream_and_not_here(four_threads):
    shape = [16, 64, 64]
    tensor = sparse_tensor(16, 0.3, 1, shape)
    layer = spconv.SubMConv3d(16, 16, 3, bias=False, algo=ConvAlgo.Native)
    dense = F.conv3d(tensor.dense(), dense_weight(layer), padding=1)
    expected = dense.movedim(1, -1)[tuple(tensor.indices.long().T)]
    for _ in range(3):
        torch.testing.assert_close(layer(tensor).features, expected, atol=1e-5, rtol=1e-5)
    for _ in range(30):
        with torch.no_grad():
            wrong = SparseConvolutionBase._conv_forward.upstream(
                layer, False, tensor, layer.weight, None).features
        if (wrong - expected).abs().max() > 1e-3:
            return
    pytest.skip('the threads did not meet in 30 runs of the upstream operator, as can happen '
                'on a busy machine or a single core')


def test_upstream_cannot_be_trained_and_ours_can():
    tensor = sparse_tensor()
    layer = spconv.SubMConv3d(4, 4, 3, bias=False, algo=ConvAlgo.Native)
    upstream = SparseConvolutionBase._conv_forward.upstream(
        layer, False, tensor, layer.weight, None)
    with pytest.raises(Exception):  # noqa: B017  (its kind depends on the wheel)
        upstream.features.sum().backward()
    layer(tensor).features.sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_upstream_has_no_global_pooling_here_and_ours_pools_every_channel():
    tensor = sparse_tensor()
    layer = spconv.SparseGlobalAvgPool()
    expected = torch.stack([tensor.features[tensor.indices[:, 0] == b].mean(0) for b in (0, 1)])
    with pytest.raises(RuntimeError):
        SparseGlobalMaxOrAvgPool.forward.upstream(layer, tensor)
    torch.testing.assert_close(layer(tensor), expected)


@pytest.mark.parametrize('algo', [None, ConvAlgo.Native])
def test_strided_submanifold_and_inverse_share_their_voxels(algo):
    tensor = sparse_tensor()
    network = spconv.SparseSequential(
        spconv.SubMConv3d(4, 8, 3, indice_key='subm', algo=algo), nn.ReLU(),
        spconv.SparseConv3d(8, 16, 3, 2, 1, indice_key='down', algo=algo), nn.ReLU(),
        spconv.SubMConv3d(16, 16, 3, indice_key='low', algo=algo),
        spconv.SubMConv3d(16, 16, 3, indice_key='low', algo=algo),
        spconv.SparseInverseConv3d(16, 8, 3, indice_key='down', algo=algo))
    result = network(tensor)
    assert result.spatial_shape == tensor.spatial_shape
    assert torch.equal(result.indices, tensor.indices)
    assert set(result.indice_dict) == {'subm', 'down', 'low'}
    assert tensor.indice_dict == {}
    result.features.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_inverse_is_dense_transposed_convolution_at_the_old_voxels():
    tensor = sparse_tensor()
    down = spconv.SparseConv3d(4, 4, 3, 2, 1, bias=False, indice_key='down')
    up = spconv.SparseInverseConv3d(4, 6, 3, indice_key='down')
    low = down(tensor)
    dense = F.conv_transpose3d(low.dense(), up.weight.detach().movedim(-1, 0), up.bias, 2, 1, [
        (extent - 1) % 2 for extent in SHAPE])
    torch.testing.assert_close(
        up(low).features, dense.movedim(1, -1)[tuple(tensor.indices.long().T)],
        atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(('name', 'dense'), [
    ('SparseConv', F.conv3d), ('SparseConvTranspose', F.conv_transpose3d)])
def test_dense_convolutions(name, dense):
    tensor = sparse_tensor()
    layer = getattr(spconv, f'{name}3d')(4, 6, 3, 2, 1, bias=False)
    weight = layer.weight.detach()
    weight = weight.movedim(-1, 1 if name == 'SparseConv' else 0)
    torch.testing.assert_close(layer(tensor).dense(), dense(tensor.dense(), weight, None, 2, 1),
                               atol=1e-5, rtol=1e-5)


def test_two_dimensions():
    taken = torch.rand(2, 12, 13) < 0.3
    indices = taken.nonzero().int()
    tensor = spconv.SparseConvTensor(torch.randn(len(indices), 4), indices, [12, 13], 2)
    layer = spconv.SparseConv2d(4, 6, 3, 1, 1, bias=False)
    expected = F.conv2d(tensor.dense(), dense_weight(layer), padding=1)
    torch.testing.assert_close(layer(tensor).dense(), expected, atol=1e-5, rtol=1e-5)


def test_pooling_keeps_the_floor_of_zero_and_feeds_an_inverse_convolution():
    tensor = sparse_tensor()
    pooled = spconv.SparseMaxPool3d(2, 2, indice_key='pool')(tensor)
    padded = F.pad(tensor.dense(), (0, 1, 0, 0, 0, 1))
    expected = F.max_pool3d(padded, 2, 2)[:, :, :4, :8, :7].clamp_min(0)
    torch.testing.assert_close(pooled.dense(), expected)
    restored = spconv.SparseInverseConv3d(4, 4, 2, indice_key='pool')(pooled)
    assert torch.equal(restored.indices, tensor.indices)


def test_average_pool_divides_by_the_voxels_there_are():
    tensor = sparse_tensor()
    pooled = spconv.SparseAvgPool3d(2, 2)(tensor)
    ones = spconv.SparseAvgPool3d(2, 2)(tensor.replace_feature(torch.ones_like(tensor.features)))
    torch.testing.assert_close(ones.features, torch.ones_like(ones.features))
    assert pooled.features.shape == ones.features.shape


def test_no_voxels_pass_through():
    tensor = spconv.SparseConvTensor(
        torch.zeros(0, 4), torch.zeros(0, 4, dtype=torch.int32), SHAPE, 2)
    network = spconv.SparseSequential(
        spconv.SubMConv3d(4, 8, 3, indice_key='a'), spconv.SparseConv3d(8, 8, 3, 2, 1),
        spconv.SparseMaxPool3d(2, 2), spconv.SubMConv3d(8, 8, 1))
    assert network(tensor).features.shape == (0, 8)
    assert not spconv.SparseGlobalMaxPool()(tensor).any()


@pytest.mark.parametrize('layer', [
    spconv.SparseConv3d(4, 8, 3, stride=2, padding=1, indice_key='a'),
    spconv.SubMConv3d(4, 8, 3, padding=1), spconv.SparseMaxPool3d(2, 2)],
    ids=lambda layer: type(layer).__name__)
def test_no_voxels_pass_through_on_a_gpu(pretended_gpu, layer):
    """spconv's kernels are never launched for them."""
    layer = layer.to('cuda')
    features = torch.zeros(0, 4, device='cuda', requires_grad=True)
    indices = torch.zeros(0, 4, dtype=torch.int32, device='cuda')
    with torch.autocast('cuda', torch.float16):
        out = layer(spconv.SparseConvTensor(features, indices, [8, 8, 8], 2))
    strided = not isinstance(layer, spconv.SubMConv3d)
    assert out.spatial_shape == ([4, 4, 4] if strided else [8, 8, 8])
    assert out.features.is_cuda and out.indices.is_cuda and len(out.features) == 0
    out.features.sum().backward()
    assert all(weight.grad is not None and not weight.grad.cpu().any()
               for weight in layer.parameters())


def test_wrong_use_is_named():
    tensor = sparse_tensor()
    with pytest.raises(ValueError, match='takes 5 channels'):
        spconv.SubMConv3d(5, 4, 3)(tensor)
    with pytest.raises(ValueError, match="'lost' has none"):
        spconv.SparseInverseConv3d(4, 4, 3, indice_key='lost')(tensor)
    strided = spconv.SparseConv3d(4, 4, 3, 2, 1, indice_key='twice')
    with pytest.raises(ValueError, match="'twice' is taken"):
        strided(strided(tensor))
    first = spconv.SubMConv3d(4, 4, 3, indice_key='shared')(tensor)
    with pytest.raises(ValueError, match='same kernel size'):
        spconv.SubMConv3d(4, 4, 5, indice_key='shared')(first)


def test_layers_without_a_key_share_the_table_of_the_same_voxels(monkeypatch):
    built = []
    monkeypatch.setattr(spconv_cpu, 'submanifold_pairs', lambda *given: (
        built.append(given), submanifold_pairs(*given))[1])
    tensor = sparse_tensor()
    network = spconv.SparseSequential(*[spconv.SubMConv3d(4, 4, 3) for _ in range(3)])
    network(tensor)
    assert len(built) == 1
    spconv.SubMConv3d(4, 4, 5)(tensor)
    assert len(built) == 2
    tensor.indices[:, 1] = SHAPE[0] - 1 - tensor.indices[:, 1]  # edited in place: another table
    network(tensor)
    assert len(built) == 3


def test_a_buffer_filled_anew_through_numpy_gets_a_table_of_its_own():
    tensor, layer = sparse_tensor(), spconv.SubMConv3d(4, 4, 3)
    layer(tensor)
    voxels = tensor.indices.numpy()
    voxels[:, 1] = SHAPE[0] - 1 - voxels[:, 1]  # torch counts no version
    fresh = spconv.SparseConvTensor(tensor.features, tensor.indices.clone(), SHAPE, 2)
    assert torch.equal(layer(tensor).features, layer(fresh).features)


def test_repairing_twice_changes_nothing():
    before = SparseConvolutionBase._conv_forward
    spconv_cpu.apply_patch()
    assert SparseConvolutionBase._conv_forward is before


def test_mmdet3d_networks_train(four_threads):
    coordinates = (torch.rand(2, 41, 64, 64) < 0.01).nonzero().int()
    features = torch.randn(len(coordinates), 4)
    encoder = MODELS.build({'type': 'SparseEncoder', 'in_channels': 4, 'sparse_shape': [41, 64, 64],
                            'encoder_channels': ((16, 16, 32), (32, 64), (64, 64)),
                            'encoder_paddings': ((0, 0, 1), (0, 1), (0, 0)),
                            'block_type': 'basicblock'})
    unet = MODELS.build({'type': 'SparseUNet', 'in_channels': 4, 'sparse_shape': [41, 64, 64]})
    for network in (encoder, unet):
        results = network(features, coordinates, 2)
        results = results if isinstance(results, dict) else {'dense': results}
        sum(value.square().sum() for value in results.values()
            if torch.is_tensor(value) and value.requires_grad).backward()
        grown = [parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
                 for parameter in network.parameters()]
        assert sum(grown) > 0.9 * len(grown)


def test_misaligned_sums_and_joined_tables_keep_working():
    left, right = sparse_tensor(), sparse_tensor()
    joined = spconv.JoinTable()([left, left])
    assert joined.features.shape[1] == 8
    total = spconv.AddTable()([left, left.replace_feature(left.features)])
    torch.testing.assert_close(total.features, 2 * left.features)
    assert spconv.ToDense()(right).shape == (2, 4, *SHAPE)
