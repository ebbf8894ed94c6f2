"""Sweeps merged with and without compiled kernels; files that stand there twice."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.ops import moved_sweeps
from sparse3d.transforms import point_files
from sparse3d.transforms.sweep_points import merge_sweeps


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    paths = []
    for number in range(3):
        points = (random.normal(size=(300 + number, 5)) * [15, 15, 1, 9, 3]).astype(np.float32)
        points[:9, :2] /= 50
        points.tofile(tmp_path / f'{number}.bin')
        paths.append(tmp_path / f'{number}.bin')
    return paths


def motions(paths):
    random = np.random.default_rng(1)
    found = []
    for number, path in enumerate(paths):
        matrix = np.eye(4)
        matrix[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0]
        matrix[:3, 3] = random.normal(size=3)
        found.append((path, matrix.tolist(), 0.05 * number))
    return found


def test_kernels_change_nothing(files, monkeypatch):
    sweeps = motions(files[1:])
    found = merge_sweeps(files[0], sweeps)
    monkeypatch.setattr(moved_sweeps, 'library', lambda: None)
    expected = merge_sweeps(files[0], sweeps)
    assert found.dtype == np.float32 and found.flags.writeable
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-6)
    assert 300 + 301 + 302 - 10 > len(expected) > 850 and (found[:300, 4] == 0).all()


def test_points_that_are_none_are_left_out_all_the_same(files):
    points = np.fromfile(files[1], np.float32).reshape(-1, 5)
    points[20, 2] = np.nan
    points.tofile(files[1])
    without = merge_sweeps(files[0], motions(files[2:]))
    found = merge_sweeps(files[0], motions(files[1:]))
    assert np.isfinite(found).all() and len(found) > len(without)


def test_a_file_is_read_once(files, monkeypatch):
    read = []
    original = point_files.read_bytes
    monkeypatch.setattr(point_files, 'read_bytes',
                        lambda path: read.append(path) or original(path))
    found = merge_sweeps(files[0], motions([files[0]] * 4))
    assert read == [files[0]] and len(found) > 4 * 280


def test_a_damaged_sweep_is_named(files):
    files[2].write_bytes(b'abc')
    with pytest.raises(DataError, match='2.bin has 3 bytes, not a multiple'):
        merge_sweeps(files[0], motions(files[1:]))
