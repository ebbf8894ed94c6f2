"""Records of format 1.0: no point counts, no second return, no pixel poses."""
from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse3d.datasets.waymo.messages import Frame
from sparse3d.datasets.waymo.prepare import frame_points, prepare_waymo
from sparse3d.datasets.waymo.prepare.point_counts import with_point_counts
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.datasets.waymo.simulate.encoding import write_record
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file

SEGMENT = '1234567890123456789_1000_000_1020_000'


def rewrite(path, change) -> None:
    """Change the messages of a file: ``change(message, number)``."""
    records = list(read_records(path))
    with open(path, 'wb') as stream:
        for number, record in enumerate(records):
            message = Frame.FromString(record)
            change(message, number)
            write_record(stream, message.SerializeToString())


def without_counts(message, _=0) -> None:
    for label in message.laser_labels:
        label.ClearField('num_lidar_points_in_box')
        label.ClearField('num_top_lidar_points_in_box')


def with_zeros(message, _=0) -> None:
    for label in message.laser_labels:
        label.num_lidar_points_in_box = label.num_top_lidar_points_in_box = 0


def counts(root, split='train'):
    info = read_info_file(root / f'kitti_format/waymo_infos_{split}.pkl', 'waymo')
    return [{item['track_id']: (item['num_lidar_pts'], item['num_top_lidar_pts'])
             for item in entry['instances']} for entry in info['data_list']]


@pytest.fixture
def record(record_file, tmp_path):
    return shutil.copyfile(record_file, tmp_path / 'a.tfrecord')


@pytest.mark.parametrize('change', [without_counts, with_zeros])
def test_points_are_counted_where_no_label_gives_a_count(waymo_v1, change):
    prepare_waymo(waymo_v1, workers=1)
    expected = counts(waymo_v1)
    shutil.rmtree(waymo_v1 / 'kitti_format')
    rewrite(waymo_v1 / 'training/segment-a.tfrecord', change)
    report = prepare_waymo(waymo_v1, workers=1)
    found = counts(waymo_v1)
    assert 'labels of 1 segments give no point counts' in str(report)
    assert found[2:] == expected[2:]  # of the other segment
    for mine, given in zip(found[:2], expected[:2], strict=True):
        both = mine.keys() & given.keys()
        assert len(both) >= len(given) - 1
        np.testing.assert_allclose([mine[name] for name in both], [given[name] for name in both],
                                   rtol=0.1, atol=5)


def test_nothing_is_counted_in_a_segment_with_counts(waymo_v1):
    rewrite(waymo_v1 / 'training/segment-a.tfrecord',
            lambda message, number: number and without_counts(message))
    report = prepare_waymo(waymo_v1, workers=1)
    assert [len(frame) for frame in counts(waymo_v1)][1] == 0
    assert 'point counts' not in str(report)


def test_neither_counts_nor_lidar(record):
    def change(message, _):
        without_counts(message)
        message.ClearField('lasers')

    rewrite(record, change)
    with pytest.raises(DataError, match='a.tfrecord: the labels of 2 frames give no point counts'):
        list(with_point_counts(read_v1(record), str(record)))


@pytest.mark.parametrize('how', ['absent', 'empty'])
def test_one_return_alone(record, how):
    def change(message, _):
        for laser in message.lasers:
            laser.ClearField('ri_return2')
            if how == 'empty':
                laser.ri_return2.range_image_compressed = b''

    first = [points.select(points.return_number == 1)
             for points in map(frame_points, read_v1(record))]
    rewrite(record, change)
    for expected, frame in zip(first, read_v1(record, projections=True), strict=True):
        np.testing.assert_array_equal(frame_points(frame).xyz, expected.xyz)
        assert {len(scan.projections) for scan in frame.scans.values()} <= {0, 1}


def test_no_return_and_no_pixel_poses_are_refused(record):
    rewrite(record, lambda message, _: message.lasers[0].ri_return1.ClearField(
        'range_image_pose_compressed'))
    with pytest.raises(DataError, match='record 0: .*LiDAR 1 lacks its pixel poses'):
        list(read_v1(record))
    rewrite(record, lambda message, _: message.lasers[0].ClearField('ri_return1'))
    with pytest.raises(DataError, match='record 0: the range image of LiDAR 1 is absent'):
        list(read_v1(record))


def test_one_return_in_parquet(tables, tmp_path):
    shutil.copytree(tables, tmp_path, dirs_exist_ok=True)
    path = tmp_path / 'lidar' / f'{SEGMENT}.parquet'
    table = pq.read_table(path)
    first = [points.select(points.return_number == 1)
             for points in map(frame_points, read_v2(tmp_path, SEGMENT))]
    for name in [name for name in table.column_names if 'return2' in name]:
        kind = table.schema.field(name).type
        kind = pa.list_(kind.value_type)  # as many numbers as there are, none
        table = table.set_column(table.column_names.index(name), name,
                                 pa.nulls(len(table), kind))
    pq.write_table(table, path)
    for expected, frame in zip(first, read_v2(tmp_path, SEGMENT), strict=True):
        np.testing.assert_array_equal(frame_points(frame).xyz, expected.xyz)
