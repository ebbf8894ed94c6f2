"""The rows of dense parts compare the same numbers."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from sparse3d_benchmarks import dense_parts

pytestmark = pytest.mark.fast


class Levels(nn.Module):
    """A backbone: a list of maps."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU())

    def forward(self, images):
        return [self.layers(images)]


def test_every_way_is_beside_the_plain_one(monkeypatch):
    monkeypatch.setattr(dense_parts, 'COMPILE', False)
    rows = dense_parts.rows_of('part', Levels(), torch.randn(1, 3, 20, 20), 1)
    assert [row['name'] for row in rows] == [
        'part, channels last', 'part, bfloat16', 'part, channels last, bfloat16',
        'part, training step, channels last']
    assert all(row['ratio'] > 0 and not row['original'] for row in rows)
    apart = [float(row['note'].rpartition(' ')[2]) for row in rows[:3]]
    assert apart[0] < 1e-4 < apart[1] < 0.1
