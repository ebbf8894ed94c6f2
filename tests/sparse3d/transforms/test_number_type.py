"""Raw files that are no float32 are told apart by their numbers."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.column_count import refuse_other_columns


@pytest.fixture
def points():
    """Rows as of a LiDAR: some intensities are zero, as are some coordinates."""
    random = np.random.default_rng(0)
    rows = np.column_stack([random.normal(0, 20, (600, 3)), random.integers(0, 255, 600) / 255])
    rows[::7, 3], rows[::50, 1] = 0, 0
    return rows.astype(np.float32)


@pytest.mark.parametrize(('kind', 'message'), [
    ('<f8', 'looks like float64'), ('>f4', 'looks like big-endian float32'),
    ('<i4', 'holds no float32 numbers'), ('text', 'holds text, not float32 numbers')])
def test_other_numbers_are_refused_by_name(points, tmp_path, kind, message):
    path = tmp_path / 'a.bin'
    if kind == 'text':
        np.savetxt(path, points, fmt='%07.3f')
    else:
        points[:, 3] *= 255
        points.astype(kind).tofile(path)
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 16 * 16])
    for read in (read_cloud, lambda path: refuse_other_columns([path], 4)):
        with pytest.raises(DataError, match=message):
            read(path)


def test_float64_that_came_from_float32_and_float64_of_its_own(points, tmp_path):
    for rows in (points.astype('<f8'), np.random.default_rng(1).normal(0, 20, (300, 4))):
        rows.tofile(tmp_path / 'a.bin')
        with pytest.raises(DataError, match='looks like float64'):
            read_cloud(tmp_path / 'a.bin')


def test_float32_of_any_kind_passes(points, tmp_path):
    path = tmp_path / 'a.bin'
    with_times = np.column_stack([points, np.full(len(points), 1.5e9)]).astype(np.float32)
    zeros = np.zeros((200, 4), np.float32)
    few = np.full((5, 4), 1e30, np.float32)
    for rows in (points, points * np.float32(1000), with_times, zeros, few[:0]):
        rows.tofile(path)
        assert read_cloud(path, rows.shape[1]).shape == rows.shape
