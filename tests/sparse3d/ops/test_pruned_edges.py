"""The voxels that the released down-sampling convolves, beside a loop over them."""
from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from sparse3d.ops.pruned_edges import dilated_voxels

SHAPE = [3, 4, 5]


def row(*cell: int) -> Tensor:
    return torch.tensor([[0, *cell]], dtype=torch.int32)


def dilated(voxels: Tensor, strong: list[int], **quirks: bool) -> dict:
    weak = [index for index in range(len(voxels)) if index not in strong]
    values = torch.arange(1.0, len(voxels) + 1)[:, None]
    features, cells = dilated_voxels(values, voxels, torch.tensor(strong).long(),
                                     torch.tensor(weak).long(), [3] * 3, SHAPE, **quirks)
    assert len(cells.unique(dim=0)) == len(cells)
    return {tuple(cell): value.item() for cell, value in zip(cells.tolist(), features[:, 0],
                                                             strict=True)}


def test_strong_voxels_have_their_neighbors_and_weak_ones_do_not():
    voxels = torch.cat([row(1, 1, 1), row(1, 1, 4)])
    found = dilated(voxels, [0])
    wanted = {(0, *cell): 0.0 for cell in itertools.product(range(3), repeat=3)}
    assert found == {**wanted, (0, 1, 1, 1): 1.0, (0, 1, 1, 4): 2.0}


def test_neighbors_that_are_there_keep_their_features():
    found = dilated(torch.cat([row(1, 1, 1), row(1, 1, 2), row(1, 2, 2)]), [0, 1])
    assert found[0, 1, 1, 1] == 1 and found[0, 1, 1, 2] == 2 and found[0, 1, 2, 2] == 3


def test_index_zero_is_not_dilated_into_as_published():
    voxels = torch.cat([row(1, 1, 1), row(0, 0, 0)])
    found = dilated(voxels, [0], skip_index_zero=True)
    assert found[0, 0, 0, 0] == 2.0  # a voxel stays
    assert all(min(cell[1:]) > 0 for cell in found if cell != (0, 0, 0, 0))


def test_the_end_of_a_row_and_the_beginning_of_the_next_collide_as_published():
    """Key y * W + x with W the largest index: (y, x = W) and (y + 1, 0) are one."""
    voxels = torch.cat([row(2, 0, 4), row(2, 1, 0), row(2, 3, 0)])
    assert len(dilated(voxels, [])) == 3
    found = dilated(voxels, [], colliding_keys=True)
    assert found == {(0, 2, 1, 0): 3.0, (0, 2, 3, 0): 3.0}


def test_the_first_of_a_strong_voxel_and_its_neighbors_gives_the_place_as_published():
    """Keys of the sample's largest indices (z, y, x = 2): (1, 1, 2) and (1, 2, 0) are one."""
    found = dilated(row(1, 1, 1), [0], colliding_keys=True)
    assert len(found) == 15 and found[0, 1, 1, 1] == 1.0
    assert (0, 1, 1, 2) in found and (0, 1, 2, 0) not in found


def test_samples_do_not_meet():
    voxels = torch.cat([row(1, 1, 1), row(1, 1, 1)])
    voxels[1, 0] = 1
    values = torch.tensor([[1.0], [2.0]])
    for quirks, count in ((dict(), 54), (dict(colliding_keys=True), 30)):
        features, cells = dilated_voxels(values, voxels, torch.tensor([0, 1]),
                                         torch.zeros(0).long(), [3] * 3, SHAPE, **quirks)
        assert len(cells) == count and features[cells[:, 0] == 1].sum() == 2
        assert (cells[:, 0] == 0).sum() == count / 2


def test_nothing_stays_nothing():
    none = torch.zeros(0).long()
    features, cells = dilated_voxels(torch.zeros(0, 3), torch.zeros(0, 4).int(), none, none,
                                     [3] * 3, SHAPE, colliding_keys=True)
    assert features.shape == (0, 3) and cells.shape == (0, 4)


@pytest.mark.parametrize('quirks', [dict(), dict(skip_index_zero=True, colliding_keys=True)])
def test_features_have_gradients(quirks):
    voxels = torch.cat([row(1, 1, 1), row(1, 2, 4), row(2, 3, 0)])
    values = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda features: dilated_voxels(
        features, voxels, torch.tensor([1]), torch.tensor([0, 2]), [3] * 3, SHAPE, **quirks)[0],
        (values,))
