"""The benchmark runs and compares like with like."""
from __future__ import annotations

import torch

from sparse3d_benchmarks.voxelkp import Detector, attention_rows


def test_attention_rows():
    rows = attention_rows(repeats=1, count=150)
    assert [row['name'] for row in rows] == [
        'window attention, forward', 'window attention, forward and backward']
    assert all(row['value'] > 0 and row['baseline'] > 0 and row['ratio'] > 0 for row in rows)
    difference = float(rows[0]['note'].rpartition(' ')[2])
    assert difference < 1e-5


def test_every_stage_of_a_model_is_timed():
    random = torch.Generator().manual_seed(0)
    points = torch.rand(600, 5, generator=random) * torch.tensor([20.0, 20, 3, 1, 1])
    points[:, :2] -= 10
    rows = Detector('voxelkp_small.py', points, 'cpu').rows('drawn', 1)
    assert [row['name'] for row in rows] == [
        'voxels', 'first convolution', *(f'stage {number}' for number in range(1, 5)),
        'fusion on the ground', 'head', 'decoding', 'a frame, points to people']
    assert all(row['value'] > 0 for row in rows)
