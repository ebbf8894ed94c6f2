"""Rows of a raw file read with another number of columns are noticed; right ones never are."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.column_count import likely_columns, refuse_other_columns


def cloud(columns, seed=0, points=2520):
    random = np.random.default_rng(seed)
    angle, distance = random.uniform(-3, 3, points), random.gamma(2, 12, points)
    every = [distance * np.cos(angle), distance * np.sin(angle), random.normal(-1.2, 0.7, points),
             random.gamma(2, 0.1, points), np.arange(points) % 32, np.full(points, 0.05)]
    return np.column_stack(every[:columns]).astype('<f4')


@pytest.mark.parametrize('columns', [3, 4, 5, 6])
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_right_numbers_stay(columns, seed):
    assert likely_columns(cloud(columns, seed).ravel(), columns) == columns


@pytest.mark.parametrize(('columns', 'read_as'), [(4, 3), (4, 5), (5, 4), (5, 3), (6, 4), (6, 5)])
def test_wrong_numbers_are_found(tmp_path, columns, read_as):
    cloud(columns).tofile(tmp_path / 'a.bin')
    refuse_other_columns([tmp_path / 'a.bin'], columns)
    with pytest.raises(DataError, match=f'points of {columns} numbers, not {read_as}'):
        refuse_other_columns([tmp_path / 'a.bin'], read_as)


@pytest.mark.parametrize('numbers', [np.zeros(0), np.zeros(4000), np.full(4000, np.nan),
                                     np.random.default_rng(0).uniform(size=4000)])
def test_clouds_that_tell_nothing_are_taken_as_said(numbers):
    assert likely_columns(numbers.astype(np.float32), 4) == 4


def test_real_frames(real_data_dir):
    for path, columns in [*((path, 4) for path in real_data_dir.glob('kitti/**/*.bin')),
                          *((path, 5) for path in real_data_dir.glob('nuscenes_frame/*.bin'))]:
        numbers = np.fromfile(path, '<f4')
        numbers = numbers[:len(numbers) // 60 * 60]
        assert [likely_columns(numbers, count) for count in (3, 4, 5, 6)] == [columns] * 4
