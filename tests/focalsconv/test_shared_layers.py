"""Connected layers: what stands between them, and rows of any shape."""
from __future__ import annotations

import torch
from torch import nn

from focalsconv.shared_layers import connected, on_rows


def test_dropout_stands_between_the_layers_and_acts_in_training_alone():
    layers = connected([4, 8, 8, 2], dropout=1.0)
    places = [number for number, part in enumerate(layers) if isinstance(part, nn.Dropout)]
    assert places == [3, 7] and len(layers) == 11              # not in front of the first
    assert not any(isinstance(part, nn.Dropout) for part in connected([4, 8, 8]))
    values = torch.randn(6, 4)
    # Of everything: the last layer sees zeros, whose normalization is its bias.
    assert torch.equal(layers.train()(values), torch.zeros(6, 2))
    assert layers.eval()(values).any()


def test_rows_of_any_shape_and_none():
    layers = connected([4, 8]).eval()
    values = torch.randn(2, 3, 4)
    assert torch.equal(on_rows(layers, values)[1, 2], layers(values[1, 2][None])[0])
    assert on_rows(layers, values[:0]).shape == (0, 3, 8)
