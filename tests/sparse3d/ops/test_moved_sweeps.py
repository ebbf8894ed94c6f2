"""Sweeps moved by the compiled kernels beside NumPy."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.ops import moved_sweeps
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.moved_sweeps import moved_sweep

kernels = pytest.mark.skipif(lack() is not None, reason=f'the compiled backend {lack()}')


def sweep(count=500):
    random = np.random.default_rng(0)
    points = (random.normal(size=(count, 5)) * [20, 20, 2, 50, 9]).astype(np.float32)
    points[:20, :2] /= 30   # on the car
    points[0, :2], points[1, :2] = (1.0, 0.0), (0.0, -1.0)  # at the very limit, which stays
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0]
    matrix[:3, 3] = random.normal(size=3) * 10
    return points, matrix


@kernels
def test_points_are_moved_and_those_near_left_out():
    points, matrix = sweep()
    out = np.full((600, 5), 7, np.float32)
    count = moved_sweep(points.tobytes(), matrix.tolist(), 1.0, 0.25, out)
    far = points[(np.abs(points[:, :2]) >= 1).any(axis=1)]
    assert count == len(far) < len(points)
    expected = (far[:, :3].astype(np.float64) - matrix[:3, 3]) @ matrix[:3, :3]
    np.testing.assert_allclose(out[:count, :3], expected, rtol=3e-7, atol=1e-6)
    assert np.array_equal(out[:count, 3], far[:, 3]) and (out[:count, 4] == 0.25).all()
    assert (out[500:] == 7).all()


@kernels
@pytest.mark.parametrize('wrong', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('column', range(5))
def test_numbers_that_are_none_are_told(wrong, column):
    points, matrix = sweep()
    points[3, column] = wrong
    assert moved_sweep(points.tobytes(), matrix, 1.0, 0.25, np.empty((500, 5), np.float32)) is None


@kernels
def test_nothing_is_written_where_there_is_no_room():
    points, matrix = sweep()
    with pytest.raises(ValueError, match='500 points need as many rows'):
        moved_sweep(points.tobytes(), matrix, 1.0, 0.0, np.empty((499, 5), np.float32))
    assert moved_sweep(b'', matrix, 1.0, 0.0, np.empty((0, 5), np.float32)) == 0


def test_without_kernels_there_is_none(monkeypatch):
    monkeypatch.setattr(moved_sweeps, 'library', lambda: None)
    assert moved_sweep(b'', np.eye(4), 1.0, 0.0, np.empty((0, 5), np.float32)) is None
