"""Sweeps in feather files: read as clouds by name, cut files, empty values."""
from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud


def write(path, **columns) -> None:
    feather.write_feather(pa.table(columns), str(path), compression='lz4')


def test_a_sweep_of_argoverse2_is_a_cloud(tmp_path):
    path = tmp_path / '315966265259836000.feather'
    xyz = np.arange(12, dtype=np.float16).reshape(3, 4) * 16.25
    write(path, intensity=np.array([0, 7, 200, 255], np.uint8), x=xyz[0], y=xyz[1], z=xyz[2],
          laser_number=np.arange(4, dtype=np.uint8), offset_ns=np.full(4, 10 ** 8, np.int32),
          kind=['a', 'b', 'c', 'd'])
    points = read_cloud(path)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, np.column_stack([*xyz, [0, 7, 200, 255]]))
    assert (read_cloud(path, 5)[:, 4] == 0).all()      # offsets are no ages


def test_files_that_are_cut_or_others(tmp_path):
    path = tmp_path / 'a.feather'
    write(path, x=np.zeros(99), y=np.zeros(99), z=np.zeros(99))
    content = path.read_bytes()
    for size in range(0, len(content), 37):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match='no whole feather file|no points'):
            read_cloud(path)
    path.write_bytes(b'x y z\n' * 99)
    with pytest.raises(DataError, match='a.feather is no whole feather file'):
        read_cloud(path)


def test_empty_values_and_absent_columns(tmp_path):
    path = tmp_path / 'a.feather'
    write(path, x=pa.array([1.0, None]), y=np.zeros(2), z=np.zeros(2))
    with pytest.raises(DataError, match='1 empty values in x'):
        read_cloud(path)
    write(path, x=np.zeros(2), y=np.zeros(2))
    with pytest.raises(DataError, match='z is absent'):
        read_cloud(path)
