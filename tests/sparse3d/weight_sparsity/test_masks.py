from __future__ import annotations

import pytest
import torch
from torch import nn

from sparse3d.errors import CheckpointError
from sparse3d.weight_sparsity.masks import WeightMasks
from sparse3d.weight_sparsity.patterns import two_of_four


def masked(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))
    return model, WeightMasks({name: two_of_four(value) for name, value in
                               model.named_parameters() if value.dim() > 1})


def test_weights_and_momentum_become_zero_and_others_stay():
    model, masks = masked()
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    model(torch.randn(4, 8)).sum().backward()
    optimizer.step()
    bias = model[0].bias.detach().clone()
    masks.apply(model, optimizer)
    for parameter, mask in masks.pairs(model):
        assert not parameter[~mask].any() and parameter[mask].all()
        for key in ('exp_avg', 'exp_avg_sq'):
            assert not optimizer.state[parameter][key][~mask].any()
            assert optimizer.state[parameter][key][mask].any()
    assert torch.equal(model[0].bias, bias)


def test_gradients_are_masked():
    model, masks = masked()
    model(torch.randn(4, 8)).square().sum().backward()
    masks.mask_gradients(model)
    assert all(not parameter.grad[~mask].any() for parameter, mask in masks.pairs(model))


def test_packing_keeps_every_bit():
    _, masks = masked()
    packed = masks.packed()
    assert packed['0.weight']['bits'].numel() == 6 and packed['2.weight']['bits'].numel() == 4
    back = WeightMasks.unpacked(packed, 'file')
    assert all(torch.equal(back.masks[name], mask) for name, mask in masks.masks.items())
    assert back.zeros() == masks.zeros() == (24 + 10, 48 + 30)  # odd tails of 2.weight are dense


def test_masks_of_another_model_and_damaged_ones_are_refused():
    _, masks = masked()
    with pytest.raises(CheckpointError, match=r'0.weight is \[6, 8\], in the model it is \[9, 8\]'):
        masks.check(nn.Sequential(nn.Linear(8, 9), nn.ReLU(), nn.Linear(6, 5)), 'file')
    with pytest.raises(CheckpointError, match='weight_masks cannot be read'):
        WeightMasks.unpacked({'a': dict(shape=[4])}, 'file')


def test_whether_all_masks_are_two_of_four():
    weight = torch.rand(4, 8)
    pattern = WeightMasks({'a': two_of_four(weight)})
    assert pattern.two_of_four and not WeightMasks({}).two_of_four
    assert not WeightMasks({**pattern.masks, 'b': weight > 0.01}).two_of_four
