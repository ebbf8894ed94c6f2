"""Choice of voxels and pruned convolutions against dense ones."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.ops.pruned_convolution import (
    ConvolutionGeometry,
    magnitudes,
    opened_by_pairs,
    opened_by_places,
    pruned_downsampling,
    pruned_submanifold,
    strong_voxels,
)
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import strided_pairs, submanifold_pairs

SHAPE = [7, 8, 9]
GEOMETRY = ConvolutionGeometry([3] * 3, [2] * 3, [1] * 3, [1] * 3)


def cloud(seed: int = 0, share: float = 0.2, samples: int = 2) -> Tensor:
    """Random voxels of a small grid, the first cell among them, [N, 4] int32."""
    drawn = torch.rand(samples, *SHAPE, generator=torch.Generator().manual_seed(seed)) < share
    drawn[:, 0, 0, 0] = True
    return drawn.nonzero().int()


def features_of(voxels: Tensor, channels: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(len(voxels), channels, dtype=torch.float64,
                       generator=torch.Generator().manual_seed(seed))


def dense(voxels: Tensor, values: Tensor) -> Tensor:
    volume = values.new_zeros(2, *SHAPE, values.shape[1])
    volume[tuple(voxels.long().T)] = values
    return volume.permute(0, 4, 1, 2, 3)


def pairs_of(voxels: Tensor, geometry: ConvolutionGeometry = GEOMETRY):
    return strided_pairs(voxels, SHAPE, geometry.kernel_size, geometry.stride, geometry.padding,
                         geometry.dilation)


def test_magnitude_is_the_mean_absolute_value():
    found = magnitudes(torch.tensor([[1.0, -3.0], [0.0, 0.0]]))
    assert found.tolist() == [2.0, 0.0]
    assert magnitudes(torch.ones(1, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_the_weakest_of_each_sample_by_hand():
    strength = torch.tensor([5.0, 1.0, 2.0, 0.5, 0.1, 0.2])
    sample = torch.tensor([0, 0, 0, 0, 1, 1])
    strong = strong_voxels(strength, sample, 3, keep_ratio=0.5)
    assert strong.tolist() == [True, False, True, False, False, True]
    assert strong_voxels(strength, sample, 3, 1.0).all()
    assert not strong_voxels(strength, sample, 3, 0.0).any()


@pytest.mark.parametrize('keep', [0.3, 0.5, 0.7, 0.9])
def test_the_number_of_weak_voxels_is_the_published_one(keep):
    for count in range(1, 60):
        strong = strong_voxels(torch.rand(count), torch.zeros(count), 1, keep)
        assert (~strong).sum() == int(count * round(1 - keep, 6))


def test_one_voxel_an_empty_sample_and_equal_voxels():
    assert strong_voxels(torch.ones(1), torch.tensor([2]), 4, 0.5).tolist() == [True]
    assert len(strong_voxels(torch.ones(0), torch.ones(0), 2, 0.5)) == 0
    equal = strong_voxels(torch.ones(4), torch.zeros(4), 1, 0.5)
    assert equal.tolist() == [False, False, True, True]  # as they stand


def test_strong_magnitudes_are_told_apart_where_their_sigmoid_is_1():
    strength = torch.tensor([40.0, 30.0])
    assert strength.sigmoid().unique().numel() == 1
    assert strong_voxels(strength, torch.zeros(2), 1, 0.5).tolist() == [True, False]


def test_a_sample_alone_is_as_in_a_batch_and_order_does_not_matter():
    voxels = cloud()
    strength = magnitudes(features_of(voxels))
    strong = strong_voxels(strength, voxels[:, 0], 2, 0.4)
    second = voxels[:, 0] == 1
    alone = strong_voxels(strength[second], torch.zeros(int(second.sum())), 1, 0.4)
    assert torch.equal(strong[second], alone)
    order = torch.randperm(len(voxels), generator=torch.Generator().manual_seed(3))
    assert torch.equal(strong_voxels(strength[order], voxels[order, 0], 2, 0.4), strong[order])


def test_submanifold_is_dense_at_strong_voxels_and_the_input_elsewhere():
    voxels = cloud()
    values = features_of(voxels)
    weight = torch.randn(3, 3, 3, 3, 3, dtype=torch.float64)
    bias = torch.randn(3, dtype=torch.float64)
    strong = strong_voxels(magnitudes(values), voxels[:, 0], 2, 0.5)
    found = pruned_submanifold(values, strong, weight, submanifold_pairs(voxels, SHAPE, [3] * 3),
                               bias)
    volume = F.conv3d(dense(voxels, values), weight.permute(0, 4, 1, 2, 3), bias, padding=1)
    wanted = volume.permute(0, 2, 3, 4, 1)[tuple(voxels.long().T)]
    torch.testing.assert_close(found, torch.where(strong[:, None], wanted, values))


@pytest.mark.parametrize('padding', [[1, 1, 1], [0, 1, 1]])
@pytest.mark.parametrize('keep', [0.0, 0.5, 1.0])
def test_downsampling_is_dense_convolution_at_the_allowed_cells(padding, keep):
    voxels = cloud()
    values = features_of(voxels)
    weight = torch.randn(2, 3, 3, 3, 3, dtype=torch.float64)
    geometry = ConvolutionGeometry([3] * 3, [2] * 3, padding, [1] * 3)
    strong = strong_voxels(magnitudes(values), voxels[:, 0], 2, keep)
    found, pairs = pruned_downsampling(values, strong, weight, pairs_of(voxels, geometry))
    volume = F.conv3d(dense(voxels, values), weight.permute(0, 4, 1, 2, 3), stride=2,
                      padding=padding)
    marks = dense(voxels, torch.stack([strong, torch.ones_like(strong)], 1).double())
    width = [side for pad in reversed(padding) for side in (pad, pad)]
    allowed = F.max_pool3d(F.pad(marks[:, 0], width), 3, 2) > 0
    for sample, *cell in (~allowed).nonzero().tolist():
        middle = [2 * index + 1 - pad for index, pad in zip(cell, padding, strict=True)]
        if all(index < extent for index, extent in zip(middle, SHAPE, strict=True)):
            allowed[(sample, *cell)] = marks[(sample, 1, *middle)] > 0
    assert torch.equal(pairs.output_coordinates.long(), allowed.nonzero())
    wanted = volume.permute(0, 2, 3, 4, 1)[allowed]
    torch.testing.assert_close(found, wanted)
    if padding == [1, 1, 1]:
        assert (pairs.output_coordinates[:, 1:] == 0).all(1).any()  # the first cell is not lost


def test_all_strong_opens_every_cell_and_none_only_the_middles():
    voxels = cloud()
    pairs = pairs_of(voxels)
    assert opened_by_pairs(pairs, torch.ones(len(voxels), dtype=torch.bool)).all()
    none = opened_by_pairs(pairs, torch.zeros(len(voxels), dtype=torch.bool))
    even = (voxels[:, 1:] % 2 == 0).all(1)
    cells = torch.cat([voxels[even, :1], voxels[even, 1:] // 2], 1)
    assert torch.equal(pairs.output_coordinates[none].long().unique(dim=0),
                       cells.long().unique(dim=0))


@pytest.mark.parametrize('geometry', [
    GEOMETRY, ConvolutionGeometry([3] * 3, [2] * 3, [0, 1, 1], [1] * 3),
    ConvolutionGeometry([3] * 3, [1, 2, 2], [1] * 3, [1] * 3),
    ConvolutionGeometry([5, 3, 3], [2] * 3, [2, 1, 1], [1] * 3)])
def test_places_and_pairs_open_the_same_cells(geometry):
    voxels = cloud(4)
    strong = strong_voxels(magnitudes(features_of(voxels)), voxels[:, 0], 2, 0.3)
    pairs = pairs_of(voxels, geometry)
    assert geometry.output_shape(SHAPE) == list(pairs.output_shape)
    found = opened_by_places(pairs.output_coordinates, voxels, strong, geometry, SHAPE)
    assert torch.equal(found, opened_by_pairs(pairs, strong))
    assert 0 < found.sum() < len(found)


def test_pairs_are_left_out():
    """The share of pairs that is computed, not only of voxels."""
    voxels = cloud(share=0.4)
    pairs = submanifold_pairs(voxels, SHAPE, [3] * 3)
    strength = magnitudes(features_of(voxels))
    counts = [sum(pairs.of_outputs(strong_voxels(strength, voxels[:, 0], 2, keep).nonzero()[:, 0])
                  .pairs.counts) for keep in (1.0, 0.7, 0.3)]
    assert counts[0] == sum(pairs.pairs.counts)
    assert counts[1] < 0.8 * counts[0] and counts[2] < 0.4 * counts[0]


@pytest.mark.parametrize('way', ['submanifold', 'downsampling'])
def test_gradients(way):
    voxels = cloud(share=0.03)
    values = features_of(voxels, 2).requires_grad_()
    strong = strong_voxels(magnitudes(values), voxels[:, 0], 2, 0.5)
    weight = torch.randn(2, 3, 3, 3, 2, dtype=torch.float64).requires_grad_()
    bias = torch.randn(2, dtype=torch.float64).requires_grad_()

    def run(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        weighted = features * magnitudes(features).sigmoid()[:, None]
        if way == 'submanifold':
            return pruned_submanifold(weighted, strong, weight,
                                      submanifold_pairs(voxels, SHAPE, [3] * 3), bias)
        return pruned_downsampling(weighted, strong, weight, pairs_of(voxels), bias)[0]

    assert torch.autograd.gradcheck(run, (values, weight, bias))


def test_some_outputs_are_those_of_all():
    voxels = cloud()
    values, weight = features_of(voxels), torch.randn(2, 3, 3, 3, 3, dtype=torch.float64)
    pairs = submanifold_pairs(voxels, SHAPE, [3] * 3)
    rows = torch.tensor([4, 0, 2])
    found = sparse_convolution(values, weight, pairs.of_outputs(rows))
    torch.testing.assert_close(found, sparse_convolution(values, weight, pairs)[rows])
