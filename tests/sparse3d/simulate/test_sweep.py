"""A whole sweep to measure on, drawn or real."""
from __future__ import annotations

import torch

from sparse3d.simulate.sweep import drawn_sweep, full_sweep


def test_a_drawn_sweep_is_as_large_as_a_real_one():
    points = drawn_sweep()
    assert points.shape == (34688, 5) and points.isfinite().all()
    assert torch.equal(points, drawn_sweep())
    assert points[:, 2].min() >= -2 and points[:, :2].norm(dim=1).max() > 30


def test_a_real_sweep_is_taken_where_the_environment_names_its_folder(tmp_path, monkeypatch):
    monkeypatch.delenv('SPARSE3D_REAL_DATA', raising=False)
    assert full_sweep()[1] == 'drawn sweep'
    real = torch.arange(15.0).reshape(3, 5)
    (tmp_path / 'nuscenes_frame').mkdir()
    (tmp_path / 'nuscenes_frame/a_LIDAR_TOP_b.bin').write_bytes(real.numpy().tobytes())
    monkeypatch.setenv('SPARSE3D_REAL_DATA', str(tmp_path))
    points, name = full_sweep()
    assert torch.equal(points, real) and name == 'nuScenes sweep'
