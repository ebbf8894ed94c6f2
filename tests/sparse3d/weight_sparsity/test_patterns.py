from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.patterns import (
    check_blocks,
    check_share,
    checked_block,
    is_two_of_four,
    largest,
    share_of_zeros,
    two_of_four,
)


def test_two_of_four_by_hand():
    weight = torch.tensor([[1.0, -3, 2, 0, 5, 5, 5, 5, 9, -1], [0, 0, 0, 0, 1, 2, -3, 4, 0, 0]])
    assert two_of_four(weight).int().tolist() == [[0, 1, 1, 0, 1, 1, 0, 0, 1, 1],
                                                  [1, 1, 0, 0, 0, 0, 1, 1, 1, 1]]


def test_every_four_have_two_whatever_the_axes():
    weight = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    mask = two_of_four(weight)
    assert mask.shape == weight.shape
    assert (mask.flatten(1).unflatten(1, (-1, 4)).sum(-1) == 2).all()
    size = weight.abs().flatten(1).unflatten(1, (-1, 4))
    kept = mask.flatten(1).unflatten(1, (-1, 4))
    assert (size.masked_fill(~kept, 9).amin(-1) >= size.masked_fill(kept, 0).amax(-1)).all()


@pytest.mark.parametrize('sparsity', [0.0, 0.5, 0.83])
def test_the_smallest_become_zero(sparsity):
    weight = torch.randn(10, 12, generator=torch.Generator().manual_seed(0))
    mask = largest(weight, sparsity)
    assert int((~mask).sum()) == round(120 * sparsity)
    assert share_of_zeros(mask) == pytest.approx(round(120 * sparsity) / 120)
    if sparsity:
        assert weight[mask].abs().min() >= weight[~mask].abs().max()


def test_blocks_go_together():
    weight = torch.ones(4, 8)
    weight[:2, 4:] = 3
    weight[2:, :4] = 2
    mask = largest(weight, 0.5, (2, 4))
    assert mask[:2, 4:].all() and mask[2:, :4].all() and int(mask.sum()) == 16


def test_a_mask_only_shrinks():
    weight = torch.tensor([[0.0, 1, 2, 3]])
    allowed = torch.tensor([[True, False, True, False]])
    assert largest(weight, 0.5, allowed=allowed).tolist() == allowed.tolist()
    assert largest(weight, 0.75, allowed=allowed).tolist() == [[False, False, True, False]]


def test_other_shares_and_blocks_are_refused():
    with pytest.raises(ConfigError, match='from 0 to below 1'):
        largest(torch.ones(2, 2), 1.0)
    with pytest.raises(ConfigError, match='2 x 3'):
        largest(torch.ones(4, 4), 0.5, (2, 3))


def test_two_of_four_is_told_of_weights_and_of_masks():
    assert is_two_of_four(torch.tensor([[1.0, 0, 0, 1, 0, 0, 0, 0]]))
    assert not is_two_of_four(torch.tensor([[1.0, 1, 0, 1]]))
    assert is_two_of_four(two_of_four(torch.rand(8, 10)))
    assert not is_two_of_four(torch.tensor([[True, True, True, False, True, False, False, False]]))


@pytest.mark.parametrize('share', [1, -0.1, float('nan'), '0.8', None, True])
def test_what_is_no_share_is_refused_by_its_place(share):
    check_share(0)
    with pytest.raises(ConfigError, match=r'pruning.sparsity is .*from 0 to below 1'):
        check_share(share, 'pruning.sparsity')


@pytest.mark.parametrize('block', [4, [4], (0, 1), '44', (4, 1, 1), (1.5, 1)])
def test_what_is_no_block_is_refused_by_its_place(block):
    assert checked_block([4, 1]) == (4, 1)
    with pytest.raises(ConfigError, match='hook.block is .*rows and columns, 1 or more'):
        checked_block(block, 'hook.block')


def test_a_layer_that_does_not_divide_is_named():
    check_blocks((8, 3, 2, 2), (4, 6))
    with pytest.raises(ConfigError, match='ffn.weight of 8 x 12 does not divide .* 3 x 1'):
        check_blocks((8, 3, 2, 2), (3, 1), 'ffn.weight')
