"""Submission files of Waymo, read back field by field."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.waymo.keypoints.people import JOINT_TYPES
from sparse3d.datasets.waymo.results import (
    new_message,
    open_objects,
    read_submission,
    write_detection_submission,
    write_keypoint_submission,
)
from sparse3d.errors import ConfigError, DataError

NAME = ('1083056852838271990_4080_000_4100_000', 1550083467346370)
BOXES = np.array([[1.0, 2, 3, 4.5, 2.25, 1.5, 0.5], [-1, -2, 0, 0.5, 0.75, 1.75, 4]])
FRAMES = [dict(name=NAME, box=BOXES, type=np.array([1, 2]), score=np.float32([0.5, 0.25])),
          dict(name=NAME, box=np.zeros((0, 7)), type=np.zeros(0), score=np.zeros(0))]


def person_frames() -> list[dict]:
    location = np.arange(2 * 14 * 3, dtype=float).reshape(2, 14, 3)
    visibility = np.full((2, 14), 2.0)
    visibility[0, 3], visibility[0, 5], visibility[1] = 0, 1, 1.5
    return [dict(name=NAME, box=BOXES, location=location, visibility=visibility)]


def test_the_bytes_of_one_object_are_those_of_the_published_numbers():
    message = new_message('Object')
    message.score, message.context_name, message.object.type = 1, 'a', 4
    message.object.box.length = 2
    # Field 1 (a label with field 1, a box with the double 5, and type 3), then 2 and 4.
    assert message.SerializeToString() == bytes.fromhex(
        '0a0d 0a09 29 0000000000000040 1804 15 0000803f 22 01 61')


def test_detections_come_back(tmp_path):
    path = tmp_path / 'submission.bin'
    write_detection_submission(path, FRAMES, account_name='me@example.org', authors=['A', 'B'],
                               unique_method_name='sparse', object_types=[1, 2],
                               number_past_frames_exclude_current=2)
    submission = read_submission(path)
    assert (submission.task, submission.sensor_type) == (2, 1)
    assert submission.account_name == 'me@example.org' and list(submission.authors) == ['A', 'B']
    assert list(submission.object_types) == [1, 2]
    first, second = submission.inference_results.objects
    assert (first.context_name, first.frame_timestamp_micros) == NAME
    assert (first.object.type, first.score, second.score) == (1, 0.5, 0.25)
    box = first.object.box
    assert (box.center_x, box.center_y, box.center_z, box.heading) == (1, 2, 3, 0.5)
    assert (box.length, box.width, box.height) == (4.5, 2.25, 1.5)
    assert second.object.box.heading == pytest.approx(4 - 2 * np.pi)


def test_a_bare_list_of_objects_is_what_the_local_tool_reads(tmp_path):
    write_detection_submission(tmp_path / 'objects.bin', FRAMES, plain_objects=True)
    objects = read_submission(tmp_path / 'objects.bin', 'Objects').objects
    assert [item.object.type for item in objects] == [1, 2]


def test_people_come_back(tmp_path):
    path = tmp_path / 'people.bin'
    write_keypoint_submission(path, person_frames(), account_name='me@example.org')
    submission = read_submission(path, 'PoseEstimationSubmission')
    assert submission.account_name == 'me@example.org'
    first, second = submission.pose_estimations
    assert (first.key.context_name, first.key.frame_timestamp_micros) == NAME
    assert (first.box.size.x, first.box.size.y, first.box.size.z) == (4.5, 2.25, 1.5)
    assert (first.box.center.z, first.box.heading) == (3, 0.5)
    keypoints = first.laser_keypoints.keypoint
    assert [item.type for item in keypoints] == [*JOINT_TYPES[:3], *JOINT_TYPES[4:]]
    assert [item.keypoint_3d.visibility.is_occluded for item in keypoints].index(True) == 4
    place = second.laser_keypoints.keypoint[0].keypoint_3d.location_m
    assert (place.x, place.y, place.z) == (42, 43, 44)


def test_nothing_found_is_a_submission_too(tmp_path):
    write_detection_submission(tmp_path / 'a.bin', [])
    write_keypoint_submission(tmp_path / 'b.bin', [])
    assert len(read_submission(tmp_path / 'a.bin').inference_results.objects) == 0
    assert len(read_submission(tmp_path / 'b.bin',
                               'PoseEstimationSubmission').pose_estimations) == 0


def test_unknown_fields_and_unusable_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match="no field 'acount_name'; it has task"):
        write_detection_submission(tmp_path / 'a.bin', [], acount_name='me')
    assert not (tmp_path / 'a.bin').exists()
    (tmp_path / 'c.bin').write_bytes(b'\xff\xff\xff\xff')
    with pytest.raises(DataError, match='c.bin is damaged'):
        read_submission(tmp_path / 'c.bin')
    with pytest.raises(DataError, match='nowhere.bin'):
        read_submission(tmp_path / 'nowhere.bin')
    with pytest.raises(DataError, match='could not be written'):
        write_detection_submission(tmp_path / 'no_folder' / 'a.bin', [])


@pytest.mark.parametrize(('change', 'message'), [
    (dict(type=9), 'has the type 9; there are 0 to 4'),
    (dict(type=-1), 'has the type -1'),
    (dict(length=1e300), 'has a box or a score that is none'),
    (dict(length=0.0), 'has a box or a score that is none'),
    (dict(center_x=float('nan')), 'has a box or a score that is none'),
])
def test_a_damaged_object_is_refused(tmp_path, change, message):
    """Each is a valid message; float32 would make 1e300 infinite."""
    objects = new_message('Objects')
    item = objects.objects.add(score=0.5, context_name='a', frame_timestamp_micros=7)
    item.object.type = 1
    for name, value in {**dict(length=4, width=2, height=1.5), **change}.items():
        setattr(item.object if name == 'type' else item.object.box, name, value)
    path = tmp_path / 'results.bin'
    path.write_bytes(objects.SerializeToString())
    with pytest.raises(DataError, match=f'results.bin is damaged: .* a at 7 {message}'):
        open_objects(path)(dict(context_name='a', timestamp=7))
