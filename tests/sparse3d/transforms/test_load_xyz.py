"""Places of points from clouds of any number of columns."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.load_xyz import LoadXYZPoints, read_xyz, refuse_transposed


def cloud(columns: int, rows: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(columns)
    place = rng.normal(0, (20, 20, 1), (rows, 3))
    more = [rng.uniform(0, 255, rows), rng.integers(0, 32, rows), np.full(rows, .05)]
    return np.column_stack([place, *more])[:, :columns].astype(np.float32)


@pytest.mark.parametrize('columns', [3, 4, 5])
@pytest.mark.parametrize('suffix', ['.bin', '.npy'])
def test_the_first_three_columns_are_read(tmp_path, columns, suffix):
    points = cloud(columns)
    path = tmp_path / f'cloud{suffix}'
    if suffix == '.bin':
        path.write_bytes(points.tobytes())
    else:
        np.save(path, points)
    np.testing.assert_array_equal(read_xyz(path), points[:, :3])


def test_named_columns_are_read_by_name(tmp_path):
    path = tmp_path / 'cloud.pcd'
    path.write_text('VERSION 0.7\nFIELDS i z y x\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n'
                    'WIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA ascii\n9 3 2 1\n')
    np.testing.assert_array_equal(read_xyz(path), [[1, 2, 3]])


def test_the_transform_takes_files_and_arrays(tmp_path):
    points = cloud(4, 200)
    points[7, 0] = np.nan
    np.save(tmp_path / 'cloud.npy', points)
    sample = dict(lidar_points=dict(lidar_path=str(tmp_path / 'cloud.npy')))
    read = LoadXYZPoints()(sample)['points'].tensor.numpy()
    given = LoadXYZPoints()(dict(points=points[:, :3]))['points'].tensor.numpy()
    np.testing.assert_array_equal(read, np.delete(points[:, :3], 7, axis=0))
    np.testing.assert_array_equal(given, read)


def test_a_frame_without_a_cloud_and_a_narrow_table_are_refused(tmp_path):
    with pytest.raises(DataError, match='no cloud'):
        LoadXYZPoints()(dict(frame_name='7'))
    np.save(tmp_path / 'two.npy', np.zeros((5, 2), np.float32))
    with pytest.raises(DataError, match='shape'):
        read_xyz(tmp_path / 'two.npy')


def test_a_transposed_table_is_refused(tmp_path):
    path = tmp_path / 'cloud.npy'
    for columns in (3, 4, 6):
        np.save(path, cloud(columns).T)
        with pytest.raises(DataError, match=rf'cloud.npy has the shape .{columns}, 3000.*points.T'):
            read_xyz(path)
    refuse_transposed((3, 4), 'three points')
    refuse_transposed((0, 4), 'no points')
