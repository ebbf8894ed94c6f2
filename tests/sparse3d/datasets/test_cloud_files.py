"""Point clouds of every common format give the same array."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.cloud_files import clouds_in, read_cloud
from sparse3d.errors import DataError


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)


def with_open3d(path, points):
    import open3d
    cloud = open3d.t.geometry.PointCloud(open3d.core.Tensor(points[:, :3]))
    cloud.point['intensity'] = open3d.core.Tensor(points[:, 3:4])
    assert open3d.t.io.write_point_cloud(str(path), cloud)


def ascii_pcd(path, points):
    head = ('# .PCD v0.7\nVERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\n'
            f'COUNT 1 1 1 1\nWIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n'
            f'POINTS {len(points)}\nDATA ascii\n')
    path.write_text(head + ''.join(' '.join(f'{x:.8g}' for x in row) + '\n' for row in points))


WRITERS = {
    'a.bin': lambda path, points: path.write_bytes(points.tobytes()),
    'a.npy': np.save, 'a.ply': with_open3d, 'a.pcd': with_open3d, 'b.pcd': ascii_pcd,
}


@pytest.mark.parametrize('name', WRITERS)
def test_each_format(tmp_path, points, name):
    WRITERS[name](tmp_path / name, points)
    np.testing.assert_allclose(read_cloud(tmp_path / name), points, rtol=1e-6)


def test_what_a_named_file_lacks_is_zero(tmp_path, points):
    with_open3d(tmp_path / 'a.ply', points)
    read = read_cloud(tmp_path / 'a.ply', 5)
    np.testing.assert_allclose(read[:, :4], points)
    assert not read[:, 4].any()


def test_a_folder_gives_its_clouds_in_order(tmp_path, points):
    for name in ('b.bin', 'a.bin', 'notes.txt'):
        (tmp_path / name).write_bytes(points.tobytes())
    assert [path.name for path in clouds_in(tmp_path)] == ['a.bin', 'b.bin']


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('a.las', b'x', 'no point cloud that can be read'), ('a.npy', b'junk', 'no plain array'),
    ('a.bin', b'12345', 'multiple'), ('a.ply', b'junk' * 400, 'damaged'),
    ('a.pcd', b'junk' * 400, 'damaged')])
def test_damaged_and_foreign_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_cloud(tmp_path / name)


def test_missing_files_and_wrong_columns(tmp_path, points):
    with pytest.raises(DataError, match='does not exist'):
        read_cloud(tmp_path / 'absent.npy')
    np.save(tmp_path / 'a.npy', points[:, :3])
    with pytest.raises(DataError, match=r'\(30, 3\); \(N, 4\) is needed'):
        read_cloud(tmp_path / 'a.npy')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match='no point cloud'):
        clouds_in(tmp_path / 'empty')
