"""PointCloud2 in every layout that drivers send."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import at, cloud, message
from sparse3d.errors import DataError
from sparse3d.recordings.point_clouds import cloud_columns, point_times, without_times


def layout(names, kinds, offsets, step):
    return np.dtype(dict(names=names, formats=kinds, offsets=offsets, itemsize=step))


LAYOUTS = {
    'velodyne': layout(['x', 'y', 'z', 'intensity', 'ring', 'time'],
                       ['<f4', '<f4', '<f4', '<f4', '<u2', '<f4'], [0, 4, 8, 12, 16, 18], 22),
    'ouster': layout(['x', 'y', 'z', 'intensity', 't', 'reflectivity', 'ring'],
                     ['<f4', '<f4', '<f4', '<f4', '<u4', '<u2', '<u1'],
                     [0, 4, 8, 16, 20, 24, 26], 48),
    'reordered': layout(['i', 'z', 'y', 'x'], ['<u1', '<f8', '<f8', '<f8'], [0, 1, 9, 17], 30),
    'big_endian': layout(['x', 'y', 'z', 'reflectivity'], ['>f4', '>f4', '>f4', '>u2'],
                         [2, 6, 10, 14], 20),
    'signed': layout(['x', 'y', 'z', 'intensity'], ['<i2', '<i4', '<f4', '|i1'],
                     [0, 4, 8, 12], 13)}


@pytest.mark.parametrize('name', LAYOUTS)
def test_columns_are_what_was_written(name):
    kind = LAYOUTS[name]
    points = np.zeros(7, kind)
    for number, column in enumerate(kind.names):
        points[column] = np.arange(7) * (number + 1)
    found = cloud_columns(cloud(points))
    assert list(found) == list(kind.names)
    for column in kind.names:
        np.testing.assert_array_equal(found[column], points[column])
        assert found[column].dtype == kind[column].newbyteorder('=')


def test_rows_may_be_padded():
    points = np.zeros((3, 4), LAYOUTS['velodyne'])
    points['x'] = np.arange(12).reshape(3, 4)
    made = cloud(points)
    row, padded = 4 * 22, 4 * 22 + 9
    data = np.full(3 * padded, 255, np.uint8)
    for number in range(3):
        data[number * padded:number * padded + row] = made.data[number * row:(number + 1) * row]
    made.data, made.row_step = data, padded
    np.testing.assert_array_equal(cloud_columns(made)['x'], np.arange(12))
    made.data = data[:-9]  # the padding of the last row may be absent
    np.testing.assert_array_equal(cloud_columns(made)['x'], np.arange(12))


def test_an_empty_cloud_has_its_columns():
    found = cloud_columns(cloud(np.zeros(0, LAYOUTS['velodyne'])))
    assert len(found) == 6 and all(len(values) == 0 for values in found.values())


def test_data_of_ros_nodes_are_taken_too():
    """rclpy gives array.array, others bytes."""
    import array
    made = cloud(np.arange(12.0).reshape(3, 4))
    wanted = cloud_columns(made)['y']
    for data in (bytes(made.data), array.array('B', bytes(made.data))):
        made.data = data
        np.testing.assert_array_equal(cloud_columns(made)['y'], wanted)


@pytest.mark.parametrize('changes, words', [
    (dict(width=100), '100 points of 16 bytes need 1600 bytes|declared with'),
    (dict(point_step=0), 'of 0 bytes'), (dict(point_step=6), 'ends at byte'),
    (dict(height=3, row_step=4), 'is declared with 4 bytes'),
    (dict(fields=[message('sensor_msgs/msg/PointField', name='x', offset=0, datatype=9, count=1)]),
     'the type 9')])
def test_a_cloud_that_contradicts_itself_is_refused(changes, words):
    with pytest.raises(DataError, match=words):
        cloud_columns(cloud(np.zeros((3, 4)), **changes))


@pytest.mark.parametrize('values, kind', [
    (np.linspace(0, .1, 5), 'f4'), (np.linspace(-.1, 0, 5), 'f4'),
    (np.linspace(0, 1e8, 5), 'u4'), (at(0) / 1e9 + np.linspace(0, .1, 5), 'f8'),
    (at(0) + np.linspace(0, 1e8, 5), 'f8'), (np.linspace(0, 1e5, 5), 'u4')])
def test_times_of_points_are_seconds_after_the_stamp(values, kind):
    column = np.asarray(values).astype(kind)
    found = point_times({'x': np.zeros(5), 'timestamp': column}, at(0))
    wanted = np.linspace(-.1 if values[0] < 0 else 0, 0 if values[0] < 0 else .1, 5)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_points_of_one_moment_have_no_times():
    assert point_times({'t': np.zeros(5, 'u4')}, at(0)) is None
    assert point_times({'x': np.zeros(5)}, at(0)) is None
    assert list(without_times({'x': 0, 'T': 0, 'time_offset': 0})) == ['x']


def test_names_of_fields_are_shown_as_text():
    rows = np.zeros(2, [('x\x1b[2J\n', '<f4')])
    assert list(cloud_columns(cloud(rows))) == list(cloud_columns(cloud(rows[:0]))) == [
        'x\\x1b[2J\\n']
