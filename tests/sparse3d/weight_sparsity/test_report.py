from __future__ import annotations

import torch
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.weight_sparsity.layers import weights_of_layers
from sparse3d.weight_sparsity.masks import WeightMasks
from sparse3d.weight_sparsity.patterns import largest, two_of_four
from sparse3d.weight_sparsity.report import sparsity_report


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.entry = nn.Conv2d(3, 64, 1)
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.second = nn.Linear(64, 32)

    def test_step(self, batch):
        rows = self.entry(batch).flatten(2).transpose(1, 2)
        return self.second(self.attention(rows, rows, rows)[0])


def report(batch=None):
    model = Network().eval()
    layers = weights_of_layers(model)
    masks = WeightMasks({each.name: two_of_four(each.weight) for each in layers
                         if not each.refused})
    masks.apply(model)
    return sparsity_report(model, layers, masks, batch)


def test_products_of_a_frame_are_those_of_every_layer():
    found = report(torch.randn(1, 3, 4, 5))
    rows = 20
    assert {layer.name: layer.products for layer in found.layers} == {
        'attention.in_proj_weight': rows * 3 * 64 * 64,
        'attention.out_proj.weight': rows * 64 * 64, 'second.weight': rows * 64 * 32}
    assert found.products == rows * (3 * 64 + 3 * 64 * 64 + 64 * 64 + 64 * 32)
    assert found.saved_products == rows * (3 * 64 * 64 + 64 * 64 + 64 * 32) / 2
    assert 'of them by zeros (49.5 %)' in str(found)


def test_sizes():
    found = report()
    masked = 4 * 64 * 64 + 64 * 32
    number = sum(value.numel() for value in Network().parameters())
    assert found.zero_parameters == masked / 2 and found.parameters == number
    sizes = {name: value * (1 << 20) for name, value in found.sizes().items()}
    assert sizes['float32'] == 4 * number
    assert sizes['float32, bit masks'] == 4 * (number - masked / 2) + masked / 8
    assert sizes['float16, 2:4'] == 2 * (number - masked / 2) + masked / 8
    assert 'multiplications' not in str(found) and '50.0 % zero' in str(found)


def test_half_of_the_weights_alone_are_no_two_of_four():
    model = Network()
    masks = WeightMasks({'second.weight': largest(model.second.weight, 0.5)})
    masks.apply(model)
    layers = weights_of_layers(model)
    for told in ('float16, 2:4', 'no 2:4 kernel'):
        assert told not in str(sparsity_report(model, layers, masks)) and told in str(report())
