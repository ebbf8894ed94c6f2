"""What the benchmark draws and counts."""
from __future__ import annotations

import pytest
import torch

import sparsefusion  # noqa: F401
from sparse3d.apis.benchmark import BENCHMARKS
from sparsefusion import benchmark


def test_it_is_known_by_its_name():
    assert BENCHMARKS['sparsefusion'] == benchmark.__name__


def test_the_drawn_cameras_look_all_round():
    rig = benchmark._inputs()['rig']
    around = torch.arange(12) * torch.pi / 6
    points = torch.stack([20 * around.cos(), 20 * around.sin(), torch.zeros(12)], dim=1)[None]
    pixels, depth = rig.project(points)
    seen = ((pixels[..., 0] >= 0) & (pixels[..., 0] < 800) & (depth > 0))[0]
    assert seen.any(0).all() and (seen.sum(1) >= 1).all()
    ahead = pixels[0, 0, 0]
    torch.testing.assert_close(ahead, torch.tensor([400.0, 224.0]), atol=1e-3, rtol=0)


@pytest.mark.slow
def test_every_row_is_measured(monkeypatch):
    monkeypatch.setattr(benchmark, 'POINTS', 3000)
    monkeypatch.setattr(benchmark, 'IMAGE_SIZE', (64, 96))
    monkeypatch.setattr(benchmark, 'FOCAL', 80.0)
    rows = benchmark.run(threads=1, repeats=1)
    names = [row['name'] for row in rows]
    assert len(names) == len(set(names)) == 9
    assert all(row['value'] > 0 and row['note'] for row in rows)
    views = next(row for row in rows if row['name'].endswith('views at once'))
    assert float(views['note'].rsplit(' ', 1)[1]) < 1e-4
