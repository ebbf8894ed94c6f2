"""A whole sweep, drawn."""
from __future__ import annotations

import torch

from sparse3d.simulate.sweep import drawn_sweep


def test_a_drawn_sweep_is_as_large_as_a_real_one():
    points = drawn_sweep()
    assert points.shape == (34688, 5) and points.isfinite().all()
    assert torch.equal(points, drawn_sweep())
    assert points[:, 2].min() >= -2 and points[:, :2].norm(dim=1).max() > 30
