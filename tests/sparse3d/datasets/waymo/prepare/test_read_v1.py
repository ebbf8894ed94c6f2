import dataclasses
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse3d.datasets.waymo.frame import (
    LIDAR_JOINT_TYPES,
    OCCLUDED,
    VISIBLE,
    arrange_joints,
)
from sparse3d.datasets.waymo.messages import Frame
from sparse3d.datasets.waymo.prepare.matrices import decode_varints
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.datasets.waymo.simulate.encoding import encode_varints, write_matrix, write_record
from sparse3d.errors import DataError

SEGMENT = '1234567890123456789_1000_000_1020_000'
REAL_SEGMENT = '10023947602400723454_1120_000_1140_000'
PEDESTRIAN = '8Zbjpem9uUbZJAyaWok7n7'


@pytest.fixture
def frame(record_file):
    return next(read_v1(record_file))


def test_labels_by_hand(frame):
    """Numbers read off the message as text."""
    row = frame.objects.ids.index(PEDESTRIAN)
    objects = frame.objects
    assert (frame.context_name, frame.index, frame.timestamp) == (SEGMENT, 0, 1550083467346370)
    assert (objects.types[row], objects.num_points[row], objects.num_top_points[row]) == (2, 70, 64)
    np.testing.assert_array_equal(objects.boxes[row], [8, -4, 0.895, 0.8, 0.75, 1.75, 0.7])
    np.testing.assert_allclose(objects.speeds[row], [-1.88896074, -0.55102371, 0])
    np.testing.assert_allclose(objects.keypoints[row, 1], [7.87115656, -3.84703156, 1.415])
    assert list(objects.visibility[row, :3]) == [OCCLUDED, VISIBLE, VISIBLE]
    np.testing.assert_allclose(objects.keypoints[row, 13], [8.03059369, -3.97423129, 1.655])
    assert objects.most_visible_camera[row] == 3
    np.testing.assert_allclose(objects.synced_boxes[row, :3], [7.94333118, -4, 0.895])
    assert frame.conditions == dict(time_of_day='Day', location='location_other', weather='sunny')
    np.testing.assert_allclose(frame.no_label_zones[0][1], [-12354.051068, 8764.253748])


def test_what_is_not_labeled(frame):
    objects = frame.objects
    assert np.isnan(objects.speeds).any(axis=1).sum() == 1       # one label without metadata
    assert (objects.visibility > 0).any(axis=1).sum() == 3
    assert not objects.keypoints[objects.visibility == 0].any()
    without_camera = objects.most_visible_camera == 0
    assert 0 < without_camera.sum() < len(objects)


def test_difficulty_is_annotated_or_by_points(frame):
    objects = frame.objects
    assert set(objects.annotated_difficulty) == {0, 2}
    assert (objects.difficulty[objects.annotated_difficulty == 2] == 2).all()
    objects.annotated_difficulty[:3] = 0, 0, 1
    objects.num_points[:3] = 6, 5, 1
    assert list(objects.difficulty[:3]) == [1, 2, 1]


def test_camera_labels_and_projections(frame):
    people = frame.camera_objects
    row = people.laser_ids.index(PEDESTRIAN)
    assert people.cameras[row] == 3 and people.types[row] == 2
    left, top, right, bottom = people.boxes[row]
    shown = people.visibility[row] > 0
    x, y = people.keypoints[row][shown].T
    assert left < x.mean() < right and top < y.mean() < bottom
    assert set(frame.projected.laser_ids) <= set(frame.objects.ids)
    assert set(frame.projected.cameras) <= {1, 2, 3, 4, 5}


def test_both_versions_give_the_same(record_file, tables):
    first = list(read_v1(record_file, projections=True))
    second = list(read_v2(tables, SEGMENT, projections=True))
    assert len(first) == len(second) == 2
    for one, other in zip(first, second, strict=True):
        one.no_label_zones = None         # not part of version 2
        _assert_same(one, other, 'frame')


def _assert_same(one, other, where):
    assert type(one) is type(other), where
    if dataclasses.is_dataclass(one):
        one, other = vars(one), vars(other)
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            _assert_same(one[key], other[key], f'{where}.{key}')
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            _assert_same(*pair, f'{where}[{index}]')
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert one == other, where


def rewrite(folder, tag, change):
    path = folder / tag / f'{SEGMENT}.parquet'
    pq.write_table(change(pq.read_table(path)), path, row_group_size=3)


@pytest.fixture
def copied_tables(tables, tmp_path):
    shutil.copytree(tables, tmp_path / 'v2')
    return tmp_path / 'v2'


def test_an_index_column_row_groups_and_unsorted_rows(tables, copied_tables):
    def change(table):
        table = table.take(pa.array(np.random.permutation(len(table))))
        names = [f'{SEGMENT};{row}' for row in range(len(table))]
        return table.add_column(0, 'index', pa.array(names))
    for tag in ('lidar', 'lidar_pose', 'camera_image', 'vehicle_pose', 'lidar_calibration'):
        rewrite(copied_tables, tag, change)
    for one, other in zip(read_v2(tables, SEGMENT), read_v2(copied_tables, SEGMENT), strict=True):
        _assert_same(one, other, 'frame')


def test_what_is_not_downloaded_is_absent(tables, tmp_path):
    shutil.copytree(tables / 'vehicle_pose', tmp_path / 'vehicle_pose')
    frames = list(read_v2(tmp_path, SEGMENT))
    assert [frame.index for frame in frames] == [0, 1]
    assert not frames[0].scans and not frames[0].images and len(frames[0].objects) == 0


def test_points_without_their_poses_are_refused(copied_tables):
    shutil.rmtree(copied_tables / 'lidar_pose')
    with pytest.raises(DataError, match='lidar_pose'):
        next(read_v2(copied_tables, SEGMENT))


@pytest.mark.parametrize('tag, column, value, message', [
    ('lidar', 'key.frame_timestamp_micros', 7, 'times that vehicle_pose lacks'),
    ('lidar', 'key.segment_context_name', 'another', "segment 'another'"),
    ('lidar', 'key.laser_name', 3, 'two rows for the same sensor'),
    ('lidar', 'key.laser_name', 9, 'names the sensor 9'),
    ('lidar_hkp', 'key.laser_object_id', 'nobody', 'lacks the box of the object'),
    ('lidar_box', '[LiDARBoxComponent].box.center.x', np.nan, '3D box')])
def test_components_that_do_not_fit(copied_tables, tag, column, value, message):
    def change(table):
        index = table.column_names.index(column)
        values = [value, *table.column(column).to_pylist()[1:]]
        return table.set_column(index, column, pa.array(values, table.schema.field(index).type))
    rewrite(copied_tables, tag, change)
    with pytest.raises(DataError, match=message):
        list(read_v2(copied_tables, SEGMENT))


def test_a_missing_column_and_a_missing_file_are_named(copied_tables):
    rewrite(copied_tables, 'lidar_box', lambda table: table.drop_columns(
        ['[LiDARBoxComponent].type']))
    with pytest.raises(DataError, match=r'lacks the column \[LiDARBoxComponent\].type'):
        next(read_v2(copied_tables, SEGMENT))
    (copied_tables / 'lidar_box' / f'{SEGMENT}.parquet').unlink()
    with pytest.raises(DataError, match='lidar_box.*does not exist'):
        next(read_v2(copied_tables, SEGMENT))


def test_records_that_do_not_follow_each_other(record_file, tmp_path):
    records = list(read_records(record_file))
    with open(tmp_path / 'a.tfrecord', 'wb') as stream:
        for record in reversed(records):
            write_record(stream, record)
    with pytest.raises(DataError, match='record 1 does not follow'):
        list(read_v1(tmp_path / 'a.tfrecord'))


@pytest.mark.parametrize('content', [b'', b'\x00', b'\x08\x96\x01'])
def test_records_that_are_no_frames(tmp_path, content):
    with open(tmp_path / 'a.tfrecord', 'wb') as stream:
        write_record(stream, content)
    with pytest.raises(DataError, match='a.tfrecord, record 0'):
        list(read_v1(tmp_path / 'a.tfrecord'))


def test_a_frame_of_a_camera_only_test_set(record_file, tmp_path):
    message = Frame.FromString(next(read_records(record_file)))
    for name in ('lasers', 'laser_labels', 'camera_labels', 'projected_lidar_labels'):
        message.ClearField(name)
    del message.images[2:]
    with open(tmp_path / 'a.tfrecord', 'wb') as stream:
        write_record(stream, message.SerializeToString())
    frame = next(read_v1(tmp_path / 'a.tfrecord'))
    assert not frame.scans and len(frame.images) == 2
    assert frame.objects.keypoints.shape == (0, 14, 3) and len(frame.camera_objects) == 0


def test_matrices_of_a_frame_that_lie_about_their_size(record_file, tmp_path):
    message = Frame.FromString(next(read_records(record_file)))
    image = message.lasers[0].ri_return1
    for damage, text in ((b'rubbish', 'damaged'),
                         (image.range_image_compressed[:-9], 'incomplete'),
                         (write_matrix(np.zeros((2, 3, 5), np.float32)), 'shape'),
                         (write_matrix(np.full((64, 200, 4), np.nan, np.float32)), 'NaN'),
                         (write_matrix(np.zeros((2, 3, 4), np.float32)), 'different sizes')):
        image.range_image_compressed = damage
        with open(tmp_path / 'a.tfrecord', 'wb') as stream:
            write_record(stream, message.SerializeToString())
        with pytest.raises(DataError, match=text):
            list(read_v1(tmp_path / 'a.tfrecord'))


def test_packed_integers():
    numbers = np.array([0, 1, 127, 128, 300, -1, 2**31 - 1, -2**31], dtype=np.int32)
    packed = encode_varints(numbers)
    assert packed[:6] == b'\x00\x01\x7f\x80\x01\xac'   # 300 is AC 02
    assert packed[7:17] == b'\xff' * 9 + b'\x01'       # -1 takes 64 bits
    np.testing.assert_array_equal(decode_varints(packed, ''), numbers)
    assert decode_varints(b'', '').shape == (0,)
    for damaged in (packed[:-1], b'\x80' * 10 + b'\x01'):
        with pytest.raises(DataError):
            decode_varints(damaged, 'the file')


def test_joints_in_any_order_with_gaps():
    keypoints, visibility = arrange_joints(
        [20, 99, 1], [[1, 2, 3], [0, 0, 9], [4, 5, 6]], [True, False, False], LIDAR_JOINT_TYPES)
    np.testing.assert_array_equal(keypoints[[0, 13]], [[4, 5, 6], [1, 2, 3]])
    assert visibility.tolist() == [2] + [0] * 12 + [1]


def test_real_components(real_data_dir):
    """Published tables name cameras in words and store float32 where the schema has float64."""
    frames = list(read_v2(real_data_dir / 'waymo_v2', REAL_SEGMENT))
    assert len(frames) == 199
    steps = np.diff([frame.timestamp for frame in frames])
    assert abs(steps - 100_000).max() < 1000
    traveled = np.linalg.norm(np.diff([f.ego2global[:3, 3] for f in frames], axis=0), axis=1)
    assert traveled.max() < 3    # less than 30 m/s
    people = sum(len(frame.camera_objects) for frame in frames)
    posed = [frame.camera_objects for frame in frames if frame.camera_objects.visibility.any()]
    table = pq.read_table(
        real_data_dir / 'waymo_v2' / 'camera_hkp' / f'{REAL_SEGMENT}.parquet').to_pylist()
    labeled = {row['key.frame_timestamp_micros'] for row in table
               if row['[CameraHumanKeypointsComponent].camera_keypoints[*].type']}
    assert (people, len(posed)) == (15844, len(labeled))
    pixels = np.concatenate([people.keypoints[people.visibility > 0] for people in posed])
    assert (pixels > -50).all() and (pixels < (1970, 1330)).all()
