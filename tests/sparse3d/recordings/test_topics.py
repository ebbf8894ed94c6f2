"""Which topics a model gets: those that are named, else those that can only be meant."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import Drive, at, cloud, header, message, simple_drive, transform
from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.simulated_messages import camera_info, odometry
from sparse3d.recordings.topics import LateTopics, choose, look, look_for

POINTS = np.ones((5, 4))
MATRIX = np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]])


def chosen(drive, tmp_path, wants_points=True, cameras=(), **named):
    left_out = LeftOut()
    topics = look(drive.write(tmp_path / 'drive.mcap'))
    return choose(topics, left_out, wants_points, cameras, **named), left_out.sentences()


def picture(frame, compressed=True):
    data = np.zeros(12, np.uint8)
    if compressed:
        return message('sensor_msgs/msg/CompressedImage', header=header(0, frame), format='jpeg',
                       data=data)
    return message('sensor_msgs/msg/Image', header=header(0, frame), height=2, width=2,
                   encoding='rgb8', is_bigendian=0, step=6, data=data)


def camera_drive():
    drive = Drive()
    for name in ('front', 'front_left'):
        drive.add(f'/{name}/image_raw', picture(name, False), 0)
        drive.add(f'/{name}/image_raw/compressed', picture(name), 0)
        drive.add(f'/{name}/camera_info', camera_info(MATRIX, 64, 48, at(0), name), 0)
    return drive


def test_what_is_there_is_counted_with_rates_and_frames(tmp_path):
    topics = look(simple_drive(11).write(tmp_path / 'drive.mcap'), seconds=None)
    points = topics['/lidar/points']
    assert (points.count, points.frame, points.points) == (11, 'lidar', 2)
    assert points.rate == pytest.approx(10) and points.type == 'sensor_msgs/msg/PointCloud2'
    assert topics['/tf_static'].rate == 0 and not points.fault


def test_all_lidars_are_taken_the_fullest_leads(tmp_path):
    drive = simple_drive().add('/rear/points', cloud(np.ones((50, 4)), 0, 'rear'), 0)
    choice, left_out = chosen(drive, tmp_path)
    assert choice.clouds == ('/rear/points', '/lidar/points') and left_out == []
    assert choice.transforms == ('/tf', ) and choice.static == ('/tf_static', )


def test_two_topics_of_one_lidar_are_one_and_it_is_said(tmp_path):
    drive = simple_drive().add('/lidar/filtered', cloud(POINTS[:1], 0, 'lidar'), 0)
    choice, left_out = chosen(drive, tmp_path)
    assert choice.clouds == ('/lidar/points', )
    assert left_out == ['clouds of /lidar/filtered: of the same LiDAR as /lidar/points (one '
                        'frame); name one with --points (once)']
    choice, left_out = chosen(drive, tmp_path, clouds=['/lidar/filtered'])
    assert choice.clouds == ('/lidar/filtered', ) and left_out == []


def test_two_odometries_are_said(tmp_path):
    drive = simple_drive()
    for name in ('/wheels', '/visual'):
        drive.add(name, odometry((0, 0, 0), (1, 0, 0, 0), at(0)), 0)
    choice, left_out = chosen(drive, tmp_path)
    assert len(choice.odometry) == 1 and 'name one with --odometry' in left_out[0]
    choice, left_out = chosen(drive, tmp_path, odometry='/visual')
    assert choice.odometry == ('/visual', ) and left_out == []


def test_schemas_that_nobody_knows_are_counted_unless_topics_are_named(tmp_path):
    drive = simple_drive().add_foreign('/radar', 'radar.Targets', 'protobuf', b'123', 0)
    drive.add_foreign('/radar', 'radar.Targets', 'protobuf', b'123', .1)
    _, left_out = chosen(drive, tmp_path)
    assert left_out == ["messages of /radar: radar.Targets in the encoding 'protobuf' is not read "
                        'here, only ROS 2 (cdr) (2 times)']
    assert chosen(drive, tmp_path, clouds=['/lidar/points'])[1] == []


def test_a_known_type_with_other_fields_is_no_cloud(tmp_path):
    from mcap.writer import Writer
    with open(tmp_path / 'odd.mcap', 'wb') as stream:
        writer = Writer(stream)
        writer.start()
        for number, text in enumerate((b'uint32 height\n', b'uint32[ x')):
            schema = writer.register_schema('sensor_msgs/msg/PointCloud2', 'ros2msg', text)
            channel = writer.register_channel(f'/points{number}', 'cdr', schema)
            writer.add_message(channel, at(0), b'\0\1\0\0\0\0\0\0', at(0))
        writer.finish()
    topics = look(tmp_path / 'odd.mcap')
    assert 'is defined with other fields' in topics['/points0'].fault
    assert 'cannot be parsed' in topics['/points1'].fault
    with pytest.raises(DataError, match='has no sensor_msgs/msg/PointCloud2 that can be read'):
        choose(topics, LeftOut(), True)
    with pytest.raises(DataError, match='/points0 cannot be read'):
        choose(topics, LeftOut(), True, clouds=['/points0'])


def test_cameras_are_found_by_their_names_compressed_first(tmp_path):
    choice, left_out = chosen(camera_drive(), tmp_path, False, ('FRONT', 'FRONT_LEFT'))
    assert choice.images == {'FRONT': '/front/image_raw/compressed',
                             'FRONT_LEFT': '/front_left/image_raw/compressed'}
    assert choice.infos['/front/image_raw/compressed'] == '/front/camera_info' and left_out == []
    named = {'FRONT': '/front_left/image_raw'}
    choice, _ = chosen(camera_drive(), tmp_path, False, ('FRONT', ), images=named)
    assert choice.images == named


@pytest.mark.parametrize('named, error, words', [
    (dict(clouds=['/absent']), ConfigError, "has no topic '/absent'"),
    (dict(clouds=['/tf']), ConfigError, '/tf has messages of tf2_msgs/msg/TFMessage'),
    (dict(images={'REAR': '/tf'}), ConfigError, "has no camera 'REAR'"),
    (dict(cameras=('REAR', )), DataError, 'has no pictures, which this model takes')])
def test_names_that_cannot_be_are_refused(named, error, words, tmp_path):
    with pytest.raises(error, match=words):
        chosen(simple_drive(), tmp_path, **named)


def test_cameras_that_nobody_can_guess_have_to_be_named(tmp_path):
    with pytest.raises(ConfigError, match='name them with --images REAR=TOPIC'):
        chosen(camera_drive(), tmp_path, False, ('REAR', 'SIDE'))


def test_a_camera_without_camera_info_is_refused(tmp_path):
    drive = Drive().add('/front/image', picture('front'), 0).add('/tf', transform('a', 'b'), 0)
    with pytest.raises(DataError, match='/front/image has no camera_info'):
        chosen(drive, tmp_path, False, ('FRONT', ))


def test_the_clock_of_another_sensor_is_compared_with_the_first(tmp_path):
    drive = simple_drive()
    for number in range(5):  # its clock is 3 s ahead
        drive.add('/rear/points', cloud(POINTS[:1], number / 10 + 3, 'rear'), number / 10 + .02)
    choice, _ = chosen(drive, tmp_path)
    assert choice.offsets['/rear/points'] == -3 * 10 ** 9 and '/lidar/points' not in choice.offsets


@pytest.mark.parametrize('named, words', [
    (dict(odometry='/lidar/points'), 'nav_msgs/msg/Odometry is needed'),
    (dict(clouds=['/lidar/points'] * 2), '--points names /lidar/points twice'),
    (dict(images=dict(a='/lidar/points', b='/lidar/points')), '--images names /lidar/points')])
def test_a_topic_of_another_type_or_named_twice_is_refused(named, words, tmp_path):
    topics = look(simple_drive().write(tmp_path / 'drive.mcap'))
    with pytest.raises(ConfigError, match=words):
        choose(topics, LeftOut(), True, **named)


def test_messages_of_several_types_on_a_topic_are_those_of_the_first(tmp_path):
    drive = simple_drive().add('/lidar/points', transform('a', 'b'), .45)
    topic = look(drive.write(tmp_path / 'drive.mcap'))['/lidar/points']
    assert (topic.type, topic.count, topic.others) == ('sensor_msgs/msg/PointCloud2', 6, 1)


def test_a_topic_that_begins_late_is_said_or_found_by_its_name(tmp_path):
    drive = simple_drive(120)
    for second in (11, 12):
        drive.add('/late', cloud([[1, 2, 3, 4]], second, 'other'), second)
    path = drive.write(tmp_path / 'drive.mcap')
    topics = look_for(path, ['', '/lidar/points'])
    assert '/late' not in topics and '/late' in look_for(path, ['/late'])
    for clouds, count in ((True, 1), (False, 0)):
        left_out = LeftOut()
        late = LateTopics(topics, left_out, clouds)
        for raw in read_messages(path, LeftOut()):
            late.note(raw)
        assert left_out.sentences() == [
            'messages of /late: they begin after the first 10 s, which decide what is used; name '
            'it with --points (2 times)'][:count]
