"""A whole sweep to measure on, drawn or real."""
from __future__ import annotations

import torch

from sparse3d_benchmarks.sweep import full_sweep


def test_a_real_sweep_is_taken_where_the_environment_names_its_folder(tmp_path, monkeypatch):
    monkeypatch.delenv('SPARSE3D_REAL_DATA', raising=False)
    assert full_sweep()[1] == 'drawn sweep'
    real = torch.arange(15.0).reshape(3, 5)
    (tmp_path / 'nuscenes_frame').mkdir()
    (tmp_path / 'nuscenes_frame/a_LIDAR_TOP_b.bin').write_bytes(real.numpy().tobytes())
    monkeypatch.setenv('SPARSE3D_REAL_DATA', str(tmp_path))
    points, name = full_sweep()
    assert torch.equal(points, real) and name == 'nuScenes sweep'
