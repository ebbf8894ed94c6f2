"""The benchmark's other way of aggregating gives the same, so that the comparison is one."""
from __future__ import annotations

import torch

from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d_benchmarks.sparse4d import weighted_readings


def test_both_ways_of_aggregating_agree_also_in_their_gradients():
    maps = [torch.randn(1, 3, 8, 4 >> level, 8 >> level) for level in range(2)]
    places, weights = torch.rand(1, 20, 5, 3, 2) * 2 - 0.5, torch.rand(1, 20, 5, 3, 2, 4)
    results = []
    for way in (deformable_aggregation, weighted_readings):
        leaves = [value.clone().requires_grad_() for value in (*maps, places, weights)]
        found = way(leaves[:2], *leaves[2:])
        found.square().sum().backward()
        results.append([found.detach(), *(leaf.grad for leaf in leaves)])
    for ours, released in zip(*results, strict=True):
        torch.testing.assert_close(ours, released, atol=1e-4, rtol=1e-4)
    assert results[0][0].abs().amax() > 0.5
