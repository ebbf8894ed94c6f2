"""Each part is timed, and its memory counted, on a small frame."""
from __future__ import annotations

import pytest

import sparse_dense_fusion.register  # noqa: F401
from sparse3d.plugins import offers
from sparse3d_benchmarks import sparse_dense_fusion as benchmark
from sparse3d_benchmarks import sparsefusion_frame as benchmark_frame


def test_it_is_known_by_its_name():
    assert offers('benchmarks')['sparse_dense_fusion'].partition(':')[0] == benchmark.__name__


@pytest.mark.slow
def test_every_part_is_measured(monkeypatch):
    for module in (benchmark, benchmark_frame):
        monkeypatch.setattr(module, 'POINTS', 3000)
        monkeypatch.setattr(module, 'IMAGE_SIZE', (64, 96))
    monkeypatch.setattr(benchmark_frame, 'FOCAL', 80.0)
    rows = {row['name']: row for row in benchmark.run(threads=1, repeats=1)}
    parts = ('image backbone and pyramid', 'camera lift', 'map fusion', 'TransFusion head',
             'query fusion')
    assert {'voxelization', 'LiDAR backbone', *parts, 'whole frame'} <= set(rows)
    assert all(row['value'] > 0 and row['note'] for row in rows.values())
    kept = {name: rows[f'memory kept by {name}, a sample']['value'] for name in parts}
    assert 'memory kept by LiDAR backbone, a sample' not in rows  # it is frozen
    # Each of 2 layers keeps more than ten maps of 180 x 180 cells and 128 channels.
    assert kept['map fusion'] > 2 * 10 * 4 * 180 * 180 * 128 / 1e9
    total, = (row['value'] for name, row in rows.items() if name.endswith('estimated'))
    assert total > 4 * sum(kept.values())
