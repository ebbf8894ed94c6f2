"""Growth of sparse maps against max pooling of a dense one."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from spconv.pytorch import SparseConv2d, SparseConvTensor, SubMConv2d

from safdnet.cell_dilation import dilated_keys, grown_map, ringed_map
from sparse3d.ops.cells import cell_coordinates, cell_keys

SHAPE = (11, 17)


def cells(count=23, samples=2):
    dense = torch.zeros(samples, *SHAPE)
    dense.view(-1)[torch.randperm(dense.numel())[:count]] = 1
    return dense, dense.nonzero().int()


@pytest.mark.parametrize('size', [1, 3, 7, 35])
def test_agrees_with_max_pooling(size):
    dense, coordinates = cells()
    keys = dilated_keys(cell_keys(coordinates.long().unbind(1), SHAPE),
                        torch.full((len(coordinates), ), size), size, SHAPE)
    pooled = F.max_pool2d(dense[:, None], size, 1, size // 2)[:, 0]
    assert torch.equal(cell_coordinates(keys, SHAPE), pooled.nonzero().int())


def test_old_cells_keep_their_features_and_new_ones_are_zero():
    _, coordinates = cells()
    shuffled = coordinates[torch.randperm(len(coordinates))]
    features = torch.rand(len(shuffled), 3) + 1
    chosen = torch.arange(len(shuffled)) % 2 == 0
    grown = grown_map(SparseConvTensor(features, shuffled, list(SHAPE), 2), [chosen, ~chosen],
                      [3, 1])
    before = SparseConvTensor(features, shuffled, list(SHAPE), 2).dense()
    assert torch.equal(grown.dense(), before)
    near = torch.zeros(2, 1, *SHAPE)
    near[tuple(shuffled[chosen].long().T[[0]]) + (0, *shuffled[chosen].long().T[1:])] = 1
    expected = F.max_pool2d(near, 3, 1, 1)[:, 0] + (before.sum(1) > 0)
    assert torch.equal(grown.indices, (expected > 0).nonzero().int())


def test_no_cell():
    empty = SparseConvTensor(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.int32),
                             list(SHAPE), 2)
    grown = ringed_map(empty)
    assert grown.features.shape == (0, 4) and grown.batch_size == 2


def test_a_convolution_on_the_ringed_map_is_the_strided_one_on_the_map():
    _, coordinates = cells()
    tensor = SparseConvTensor(torch.randn(len(coordinates), 5), coordinates, list(SHAPE), 2)
    growing, keeping = SparseConv2d(5, 4, 3, 1, 1, bias=True), SubMConv2d(5, 4, 3, padding=1)
    keeping.load_state_dict(growing.state_dict())
    torch.testing.assert_close(growing(tensor).dense(), keeping(ringed_map(tensor)).dense())
