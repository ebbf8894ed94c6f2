"""On an NVIDIA GPU: the same partition as on the CPU, the same maps within rounding."""
from __future__ import annotations

import copy

import pytest
import torch

from dsvt import DSVTEncoder
from dsvt.rotated_sets import rotated_sets
from dsvt.window_partition import Window

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(),
                                                  reason='needs an NVIDIA GPU')]


def cloud(count: int = 4000):
    cells = torch.randperm(2 * 8 * 64 * 64)[:count]
    return torch.stack([cells // 32768, cells // 4096 % 8, cells // 64 % 64, cells % 64], 1).int()


def test_partition():
    coordinates = cloud()
    window = Window((12, 12, 8), (6, 6, 0), (64, 64, 8))
    here = rotated_sets(coordinates, window, 36)
    there = rotated_sets(coordinates.cuda(), window, 36)
    for mine, theirs in zip(here, there, strict=True):
        assert torch.equal(mine, theirs.cpu())


def test_maps_and_gradients():
    encoder = DSVTEncoder((64, 64, 8), 32, (1, 1), ((1, 1, 8), ),
                          sets=dict(window_shapes=((12, 12, 8), (12, 12, 1))),
                          attention=dict(num_heads=4, feedforward_channels=64)).eval()
    coordinates, features = cloud(), torch.randn(4000, 32)
    maps, gradients = [], []
    for device in ('cpu', 'cuda'):
        model = copy.deepcopy(encoder).to(device)
        bev = model(features.to(device), coordinates.to(device), 2)
        bev.square().mean().backward()
        maps.append(bev.detach().cpu())
        gradients.append(next(model.stages[0].parameters()).grad.cpu())
    torch.testing.assert_close(*maps, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-4)
