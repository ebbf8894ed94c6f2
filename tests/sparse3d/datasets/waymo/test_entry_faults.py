"""Ids and calibrations that labels and pictures of Waymo lack are counted and said."""
from __future__ import annotations

import shutil

import pytest

from sparse3d.datasets.waymo.check import check_waymo
from sparse3d.datasets.waymo.entry_faults import entry_faults
from sparse3d.datasets.waymo.messages import Frame
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.datasets.waymo.simulate.encoding import write_record


def frame(ids, timestamp=7, **more):
    return dict(timestamp=timestamp, instances=[dict(track_id=name) for name in ids], **more)


def test_whole_entries_say_nothing():
    assert entry_faults('train', [frame('ab'), frame('ab', 8)]) == []
    assert entry_faults('train', [dict(instances=[{}, {}]), {}]) == []  # mmdet3d notes no ids


def test_empty_and_repeated_ids_are_counted():
    empty, repeated = entry_faults('train', [frame(['a', '', ' ']), frame(['a', 'b', 'a'], 8)])
    assert empty.startswith('2 of 6 objects of train have an empty id')
    assert repeated.startswith('2 objects of train share their id with another object of the same '
                               'frame, in 1 frames (a 2 times at 8)')


def test_pictures_without_calibration_are_counted_by_camera():
    sentence, = entry_faults('val', [frame('a', uncalibrated_cameras=['FRONT', 'SIDE_LEFT']),
                                     frame('a', uncalibrated_cameras=['FRONT'])])
    assert sentence.startswith('3 pictures of val have no calibration and are not used '
                               '(FRONT 2, SIDE_LEFT 1): fetch')


def without_ids(message):
    for label in message.laser_labels:
        label.id = ''


def with_one_id(message):
    for label in message.laser_labels:
        label.id = 'same'


def without_calibrations(message):
    del message.context.camera_calibrations[1:]


@pytest.mark.parametrize('change, said', [
    (without_ids, 'of train have an empty id'), (with_one_id, 'of train share their id'),
    (without_calibrations, 'pictures of train have no calibration')])
def test_preparation_and_check_say_it(record_file, tmp_path, change, said):
    root = tmp_path / 'waymo'
    (root / 'training').mkdir(parents=True)
    messages = [Frame.FromString(record) for record in read_records(record_file)]
    with open(root / 'training/segment-a.tfrecord', 'wb') as stream:
        for message in messages:
            change(message)
            write_record(stream, message.SerializeToString())
    assert said in str(prepare_waymo(root, workers=1))
    report = check_waymo(root / 'kitti_format')
    assert not report.ok and said in '\n'.join(report.problems)


def test_version_2_without_its_calibration_component(waymo_v2):
    shutil.rmtree(waymo_v2 / 'training/camera_calibration')
    assert 'pictures of train have no calibration' in str(prepare_waymo(waymo_v2, workers=1))
    problems = '\n'.join(check_waymo(waymo_v2 / 'kitti_format').problems)
    assert 'pictures of train have no calibration' in problems
