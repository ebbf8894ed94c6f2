"""The benchmark compares like with like: both ways give the same sets and features."""
from __future__ import annotations

import pytest
import torch

import dsvt.register  # noqa: F401
from dsvt.rotated_sets import rotated_sets
from dsvt.set_attention import SetAttention
from dsvt.window_partition import Window
from sparse3d_benchmarks import dsvt as benchmark
from sparse3d_benchmarks.dsvt_slots import attend_slot_by_slot, sets_by_padding


@pytest.mark.parametrize('shift', [(0, 0, 0), (3, 2, 1)])
def test_the_released_way_gives_the_same(shift):
    cells = torch.randperm(2 * 4 * 20 * 20)[:500]
    coordinates = torch.stack([cells // 1600, cells // 400 % 4, cells // 20 % 20, cells % 20], 1)
    window = Window((6, 5, 2), shift, (20, 20, 4))
    sets = rotated_sets(coordinates, window, 7)
    voxels, repeated = sets_by_padding(coordinates, window, 7)
    assert torch.equal(voxels, sets.voxels)
    assert torch.equal(repeated, sets.repeated)
    attention = SetAttention(8, 2, 16).eval()
    features, position = torch.randn(2, 500, 8)
    for order in (0, 1):
        released = attend_slot_by_slot(attention, features, position, voxels[order],
                                       repeated[order])
        ours = attention(features, position, sets.voxels[order], ~sets.repeated[order],
                         sets.slot_of_voxel[order])
        torch.testing.assert_close(ours, released, rtol=1e-5, atol=1e-5)


def test_rows(monkeypatch):
    cloud = torch.rand(2, 400, 5) * torch.tensor([20, 20, 6, 1, 0.]) - torch.tensor(
        [10, 10, 2, 0, 0.])
    monkeypatch.setattr(benchmark, 'sweeps', lambda: (list(cloud), 'random cloud'))
    monkeypatch.setattr(benchmark, 'MODEL_RANGE', (-5.12, -5.12, -2, 5.12, 5.12, 4))
    monkeypatch.setattr(benchmark, 'MODEL_GRID', (32, 32, 1))
    monkeypatch.setattr(benchmark, 'COMPILE', False)
    rows = benchmark.run(threads=1, repeats=1)
    assert len(rows) == 9
    assert all(row['value'] > 0 for row in rows)
    assert all('same sets' in row['note'] for row in rows[:3])
    memory = next(row for row in rows if 'peak memory' in row['name'])
    assert memory['value'] < memory['baseline']
