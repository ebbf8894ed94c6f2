"""Point clouds of every common format give the same array."""
from __future__ import annotations

import sys

import numpy as np
import pytest

from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.transforms import named_columns
from sparse3d.transforms.cloud_files import clouds_in, read_cloud
from sparse3d.transforms.named_columns import column_names, points_of_columns


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
    for name in ('b.bin', 'a.BIN', 'notes.txt', '._a.bin'):
        (tmp_path / name).write_bytes(points.tobytes())
    assert [path.name for path in clouds_in(tmp_path)] == ['a.BIN', 'b.bin']
    np.testing.assert_array_equal(read_cloud(tmp_path / 'a.BIN'), points)


def columns(points, **more):
    return {**dict(zip('xyz', points[:, :3].T, strict=True)), **more}


@pytest.mark.parametrize('name', ['Intensity', 'scalar_Intensity', 'REMISSION', 'i'])
def test_intensity_under_every_name_in_use(points, name):
    wanted = column_names(4)
    np.testing.assert_array_equal(
        points_of_columns(columns(points, **{name: points[:, 3]}), wanted, 'a.pcd'), points)


def test_intensity_comes_before_reflectivity(points):
    found = columns(points, reflectivity=points[:, 0], intensity=points[:, 3])
    np.testing.assert_array_equal(points_of_columns(found, column_names(4), 'a.pcd'), points)


def test_each_column_goes_where_its_name_says(points):
    found = columns(points, time=np.full(30, 0.25), elongation=points[:, 2], intensity=points[:, 3])
    read = points_of_columns(found, column_names(6), 'a.pcd')
    np.testing.assert_array_equal(read[:, 4], points[:, 2])
    assert (read[:, 5] == 0.25).all()
    names = ('x', 'y', 'z', 'intensity', 'elongation')
    assert not points_of_columns(columns(points, t=points[:, 0]), names, 'a.pcd')[:, 3:].any()


@pytest.mark.parametrize(('name', 'times', 'age'), [
    ('time', [0, 0.05, 0.5], [0, 0.05, 0.5]), ('time', [-0.1, -0.05, 0], [0.1, 0.05, 0]),
    ('timestamp', [1.7e9, 1.7e9, 1.7e9], [0, 0, 0]), ('t', [0, 5e7, 1e8], [0, 0, 0]),
    ('age', [-1, 0, 0], [0, 0, 0]), ('time', [-1, 0, 1], [0, 0, 0])])
def test_a_time_is_an_age_only_if_it_can_be_one(points, name, times, age):
    found = columns(points[:3], **{name: np.array(times)})
    read = points_of_columns(found, column_names(5), 'a.ply')
    np.testing.assert_allclose(read[:, 4], age, rtol=1e-6)


def test_what_is_lacking_is_said_once_for_a_folder(points, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(named_columns, 'print_log', lambda text, **_: said.append(text))
    for name in ('a.pcd', 'b.pcd'):
        points_of_columns(columns(points, ring=points[:, 0]), column_names(4), tmp_path / name)
    assert len(said) == 1 and 'has no intensity (columns: x, y, z, ring); 0 is used' in said[0]


def test_map_coordinates_are_refused_in_every_format(tmp_path, points):
    far = points.astype(np.float64) + [691000.25, 5335000.5, 0, 0]
    np.save(tmp_path / 'a.npy', far)
    far.astype('<f4').tofile(tmp_path / 'a.bin')
    ascii_pcd(tmp_path / 'a.pcd', far)
    for name in ('a.npy', 'a.bin', 'a.pcd'):
        with pytest.raises(DataError, match='map coordinates .* float32 keeps only 0.5 m'):
            read_cloud(tmp_path / name)


def test_structured_arrays_are_read_by_name(tmp_path, points):
    rows = np.zeros(30, [('intensity', 'u2'), ('x', 'f8'), ('z', 'f4'), ('y', '>f4'),
                         ('rgb', 'u1', 3)])
    rows['x'], rows['y'], rows['z'] = points[:, :3].T
    rows['intensity'] = np.arange(30)
    np.save(tmp_path / 'a.npy', rows)
    read = read_cloud(tmp_path / 'a.npy')
    np.testing.assert_array_equal(read[:, :3], points[:, :3])
    np.testing.assert_array_equal(read[:, 3], np.arange(30))
    np.save(tmp_path / 'b.npy', np.asfortranarray(points))
    np.testing.assert_array_equal(read_cloud(tmp_path / 'b.npy'), points)


@pytest.mark.parametrize('suffix', ['.las', '.laz'])
def test_las_files_with_the_extra(tmp_path, points, suffix):
    laspy = pytest.importorskip('laspy')
    las = laspy.create(point_format=3, file_version='1.4')
    las.header.scales, las.header.offsets = [0.001] * 3, [0.0] * 3
    las.x, las.y, las.z = points[:, :3].T
    las.intensity = np.arange(30, dtype=np.uint16)
    las.write(str(tmp_path / f'a{suffix}'))
    read = read_cloud(tmp_path / f'a{suffix}')
    np.testing.assert_allclose(read[:, :3], points[:, :3], atol=1e-3)
    np.testing.assert_array_equal(read[:, 3], np.arange(30))
    content = (tmp_path / f'a{suffix}').read_bytes()
    for size in range(0, len(content), 7):
        (tmp_path / f'b{suffix}').write_bytes(content[:size])
        with pytest.raises(DataError):
            read_cloud(tmp_path / f'b{suffix}')


def test_las_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'laspy', None)
    (tmp_path / 'a.las').write_bytes(b'LASF')
    with pytest.raises(BackendUnavailable, match='pip install laspy'):
        read_cloud(tmp_path / 'a.las')


@pytest.mark.parametrize(('change', 'message'), [
    (('POINTS 30', 'POINTS 29'), 'POINTS is 29, WIDTH x HEIGHT is 30'),
    (('SIZE 4 4 4 4', 'SIZE 4 4 4'), 'have 4, 3, 4 and 4 entries'),
    (('TYPE F F F F', 'TYPE F F F U'), 'declared as uint32 holds'),
    (('SIZE 4 4 4 4', 'SIZE 4 4 4 3'), 'which PCD does not have'),
    (('FIELDS x y z intensity', 'FIELDS x y z z'), 'two columns named'),
    (('FIELDS x y z', 'FIELDS x y depth'), 'z is absent'),
    (('DATA ascii', 'DATA zipped'), 'DATA zipped')])
def test_headers_that_contradict_the_data_are_refused(tmp_path, points, change, message):
    ascii_pcd(tmp_path / 'a.pcd', points)
    (tmp_path / 'a.pcd').write_text((tmp_path / 'a.pcd').read_text().replace(*change))
    with pytest.raises(DataError, match=message):
        read_cloud(tmp_path / 'a.pcd')


def test_windows_line_ends_and_byte_order_marks(tmp_path, points):
    ascii_pcd(tmp_path / 'a.pcd', points)
    text = (tmp_path / 'a.pcd').read_text().replace('\n', '\r\n')
    (tmp_path / 'a.PCD').write_bytes(b'\xef\xbb\xbf' + text.encode())
    np.testing.assert_allclose(read_cloud(tmp_path / 'a.PCD'), points, rtol=1e-6)


def test_zero_points_are_a_cloud(tmp_path):
    for suffix in ('ply', 'npy', 'bin'):
        path = tmp_path / f'a.{suffix}'
        path.write_bytes(PLY.replace('30', '0').encode() if suffix == 'ply' else b'')
    np.save(tmp_path / 'a.npy', np.zeros((0, 4)))
    ascii_pcd(tmp_path / 'a.pcd', np.zeros((0, 4)))
    for suffix in ('ply', 'npy', 'bin', 'pcd'):
        assert read_cloud(tmp_path / f'a.{suffix}').shape == (0, 4)


PLY = ('ply\nformat binary_little_endian 1.0\nelement vertex 30\nproperty float x\n'
       'property float y\nproperty float z\nproperty float intensity\nend_header\n')


def test_what_stands_around_the_vertices_is_read_past(tmp_path, points):
    head = PLY.replace('element vertex', 'element camera 2\nproperty double f\nelement vertex')
    head = head.replace('end_header', 'element face 2\nproperty list uchar int vertex_indices\n'
                        'end_header')
    faces = b''.join(bytes([3]) + np.arange(3, dtype='<i4').tobytes() for _ in range(2))
    content = head.encode() + np.ones(2).tobytes() + points.tobytes() + faces
    (tmp_path / 'a.ply').write_bytes(content)
    np.testing.assert_array_equal(read_cloud(tmp_path / 'a.ply'), points)
    for size in (len(content) - 1, len(content) - len(faces)):
        (tmp_path / 'a.ply').write_bytes(content[:size])
        with pytest.raises(DataError, match='cut short'):
            read_cloud(tmp_path / 'a.ply')


def test_plyfile_reads_the_same(tmp_path, points):
    from plyfile import PlyData, PlyElement
    rows = np.zeros(30, [('x', 'f8'), ('y', 'f4'), ('z', 'f4'), ('remission', 'u2'),
                         ('ring', 'u1')])
    rows['x'], rows['y'], rows['z'] = points[:, :3].T
    rows['remission'] = np.arange(30) * 7
    for text, order in ((True, '='), (False, '<'), (False, '>')):
        PlyData([PlyElement.describe(rows, 'vertex')], text, order).write(tmp_path / 'a.ply')
        read = read_cloud(tmp_path / 'a.ply')
        np.testing.assert_allclose(read[:, :3], points[:, :3], rtol=1e-6)
        np.testing.assert_array_equal(read[:, 3], rows['remission'])


@pytest.mark.parametrize('name', ['absent', 'absent.bin', 'absent.pcd', 'absent.npy'])
def test_an_absent_file_is_not_taken_for_a_format(tmp_path, name):
    with pytest.raises(DataError, match=f'{name} does not exist'):
        read_cloud(tmp_path / name)


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('a.xyz', b'x', 'no point cloud that can be read'), ('a.npy', b'junk', 'no plain array'),
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


@pytest.mark.parametrize(('change', 'way_out'), [
    (lambda points: points.T, r'shape \(4, 30\).*transposed, save points.T'),
    (lambda points: points.reshape(5, 6, 4), r'shape \(5, 6, 4\).*reshape\(-1, 4\)'),
    (lambda points: np.column_stack([points, points]),
     'save the columns x, y, z, intensity alone'),
    (lambda points: points[:, :3], 'it lacks intensity; write 0 where .* --columns 3')])
def test_arrays_of_another_shape_are_refused_with_the_way_out(tmp_path, points, change, way_out):
    np.save(tmp_path / 'a.npy', change(points))
    with pytest.raises(DataError, match=way_out):
        read_cloud(tmp_path / 'a.npy')


@pytest.mark.parametrize('name', ['a.npy', 'b.pcd'])
def test_points_without_an_intensity_do_not_vanish_in_silence(tmp_path, points, name, monkeypatch):
    said = []
    monkeypatch.setattr(named_columns, '_said', set())
    monkeypatch.setattr(named_columns, 'print_log', lambda text, **_: said.append(text))
    points[:3] = np.nan   # organized clouds have such rows where nothing was seen
    WRITERS[name](tmp_path / name, points)
    read_cloud(tmp_path / name)
    assert said == []
    points[10:17, 3] = np.nan
    WRITERS[name](tmp_path / name, points)
    read_cloud(tmp_path / name)
    assert len(said) == 1 and '7 of 27 points have NaN or infinity as intensity' in said[0]


def test_a_viewpoint_that_is_not_applied_is_said(tmp_path, points, monkeypatch):
    said = []
    monkeypatch.setattr(named_columns, '_said', set())
    monkeypatch.setattr(named_columns, 'print_log', lambda text, **_: said.append(text))
    ascii_pcd(tmp_path / 'a.pcd', points)
    read_cloud(tmp_path / 'a.pcd')
    assert said == []
    text = (tmp_path / 'a.pcd').read_text()
    (tmp_path / 'a.pcd').write_text(text.replace('VIEWPOINT 0 0 0', 'VIEWPOINT 10 5 2'))
    np.testing.assert_allclose(read_cloud(tmp_path / 'a.pcd'), points, rtol=1e-6)
    assert len(said) == 1 and 'its VIEWPOINT 10 5 2 1 0 0 0 is not applied' in said[0]
    (tmp_path / 'a.pcd').write_text(text.replace('VIEWPOINT 0 0 0', 'VIEWPOINT a b c'))
    with pytest.raises(DataError, match='VIEWPOINT is .a b c'):
        read_cloud(tmp_path / 'a.pcd')


def test_decimal_commas_are_named(tmp_path, points):
    ascii_pcd(tmp_path / 'a.pcd', points)
    head, body = (tmp_path / 'a.pcd').read_text().split('DATA ascii')
    (tmp_path / 'a.pcd').write_text(head + 'DATA ascii' + body.replace('.', ','))
    with pytest.raises(DataError, match='write decimal points, not commas'):
        read_cloud(tmp_path / 'a.pcd')
