"""One sum for the same weights, another for others."""
from __future__ import annotations

import copy

import torch

from sparse3d.deploy.weights_sum import weights_sum


def test_the_sum_is_that_of_all_numbers_and_names():
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    same, other, buffer = (copy.deepcopy(layer) for _ in range(3))
    with torch.no_grad():
        other[0].bias[1] += 1e-6
        buffer[1].running_mean[0] = 1
    assert weights_sum(layer) == weights_sum(same)
    assert len({weights_sum(each) for each in (layer, other, buffer, layer[0])}) == 4
