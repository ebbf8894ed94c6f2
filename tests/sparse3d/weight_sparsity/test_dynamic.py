from __future__ import annotations

import torch

from sparse3d.weight_sparsity.dynamic import drop_and_grow, first_mask


def test_by_hand():
    weight = torch.tensor([5.0, 0.1, -0.2, 4, 0, 0, 0, 0])
    mask = weight != 0
    gradient = torch.tensor([0.0, 99, 99, 0, 1, -3, 2, 0.5])
    # Half of four: those of 0.1 and 0.2 go and do not come back; the steepest others come.
    found = drop_and_grow(weight, gradient, mask, 0.5)
    assert found.int().tolist() == [1, 0, 0, 1, 0, 1, 1, 0]
    assert torch.equal(drop_and_grow(weight, gradient, mask, 0.1), mask)


def test_the_number_stays_whatever_the_share():
    random = torch.Generator().manual_seed(0)
    weight, gradient = torch.randn(20, 15, generator=random), torch.randn(20, 15, generator=random)
    mask = first_mask(weight, 0.7, random)
    assert int(mask.sum()) == 90
    for share in (0.0, 0.3, 1.0):
        found = drop_and_grow(weight, gradient, mask, share)
        assert int(found.sum()) == 90
        assert int((found & ~mask).sum()) == int(share * 90)
    nearly_dense = first_mask(weight, 0.01, random)
    assert int(drop_and_grow(weight, gradient, nearly_dense, 0.9).sum()) == 297


def test_one_seed_one_mask():
    weight = torch.ones(9, 9)
    first, second, other = (first_mask(weight, 0.5, torch.Generator().manual_seed(seed))
                            for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)
