"""Messages of sensors in, messages with boxes and tracks out, with the classes of rosbags."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import Drive, FakeDetector, at, cloud, header, message, simple_drive, transform
from sparse3d.errors import ConfigError
from sparse3d.recordings.frame_assembler import AssemblyOptions
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_detector import DetectionOptions, MessageDetector
from sparse3d.recordings.simulated_messages import camera_info
from sparse3d.recordings.topics import Choice

CHOICE = Choice(('/lidar/points', ), transforms=('/tf', ), static=('/tf_static', ))
CAMERAS = Choice((), {'FRONT': '/front/image'}, {'/front/image': '/front/camera_info'},
                 ('/tf', ), ('/tf_static', ))


def run(core, drive):
    made = []
    for topic, each, time in sorted(drive.messages, key=lambda one: one[2]):
        made += core.take(topic, each, time)
    return made + core.flush()


def core_of(detector, choice=CHOICE, options=None, **assembly):
    left_out = LeftOut()
    core = MessageDetector(detector, choice, left_out, options, AssemblyOptions(**assembly))
    return core, left_out


def test_every_cloud_gets_its_boxes_at_its_time():
    core, left_out = core_of(FakeDetector())
    made = run(core, simple_drive())
    assert not left_out and (core.moments, core.boxes) == (5, 5)
    boxes = [out for out in made if out.topic == '/sparse3d/detections']
    assert [out.message.header.stamp.nanosec for out in boxes] == [k * 10 ** 8 for k in range(5)]
    assert [out.log_time for out in boxes] == [at(k / 10 + .02) for k in range(5)]
    assert {out.type for out in made} == {'vision_msgs/msg/Detection3DArray',
                                          'foxglove_msgs/msg/SceneUpdate'}
    center = boxes[0].message.detections[0].bbox.center.position
    assert (center.x, center.z) == pytest.approx((10.05, .75), abs=1e-4)


def test_tracks_keep_their_ids_while_the_car_drives():
    core, left_out = core_of(FakeDetector(), options=DetectionOptions(tracker='greedy'))
    made = run(core, simple_drive())
    tracks = [out.message for out in made if out.topic == '/sparse3d/tracks']
    assert not left_out and len(tracks) == 5 and len(core.identities) == 1
    assert {each.id for one in tracks for each in one.detections} == {str(*core.identities)}
    assert len([out for out in made if out.topic == '/sparse3d/track_scene']) == 5


def test_tracks_without_poses_are_those_of_a_standing_sensor_which_is_said():
    drive = simple_drive()
    drive.messages = [one for one in drive.messages if one[0] == '/lidar/points']
    core, left_out = core_of(FakeDetector(), options=DetectionOptions(tracker='greedy'))
    assert len(run(core, drive)) == 5 * 4
    assert 'tracks are those of a sensor that stands still (5 times)' in left_out.sentences()[0]
    core, left_out = core_of(FakeDetector(), options=DetectionOptions(tracker='greedy'),
                             fixed_frame='lidar')  # said by the user: it stands still
    assert len(run(core, drive)) == 5 * 4 and not left_out


def test_after_a_jump_of_the_clock_ids_are_new():
    drive = simple_drive(3)
    for number in range(3):
        seconds = number / 10
        drive.add('/tf', transform('odom', 'base_link', seconds=seconds - 99), seconds + .5)
        drive.add('/lidar/points', cloud([[20, 3, 0, 7]], seconds - 99), seconds + .52)
    core, left_out = core_of(FakeDetector(), options=DetectionOptions(tracker='greedy'))
    run(core, drive)
    assert core.moments == 6 and len(core.identities) == 2
    assert left_out.sentences()[0].startswith('jumps of the clock')


def camera_drive(moments=6, interval=.25, bad=()):
    """One camera; its pictures say their number by their gray."""
    drive = Drive().add('/tf_static', transform('base_link', 'camera', (1, 0, 1)), 0)
    for step in range(-5, int(moments * interval * 100) + 20):
        drive.add('/tf', transform('odom', 'base_link', (step * .1, 0, 0), seconds=step / 100),
                  max(step / 100, 0) + .001)
    matrix = np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]])
    for number in range(moments):
        seconds = number * interval
        png = cv2.imencode('.png', np.full((48, 64, 3), number, np.uint8))[1].reshape(-1)
        drive.add('/front/camera_info', camera_info(matrix, 64, 48, at(seconds), 'camera'),
                  seconds + .01)
        drive.add('/front/image', message(
            'sensor_msgs/msg/CompressedImage', header=header(seconds, 'camera'), format='png',
            data=png[:30] if number in bad else png), seconds + .02)
    return drive


def test_a_camera_model_gets_pictures_and_matrices_without_any_lidar():
    detector = FakeDetector((), ('FRONT', ))
    core, left_out = core_of(detector, CAMERAS)
    made = run(core, camera_drive(3))
    assert not left_out and core.moments == 3
    _, images, calibration = detector.calls[2]
    assert images[0].shape == (48, 64, 3) and images[0][0, 0, 0] == 2
    np.testing.assert_allclose(calibration['cam2img'][0, :2, 2], [32, 24])
    np.testing.assert_allclose(calibration['lidar2cam'][0][:3, 3], [-1, 0, -1], atol=1e-9)
    assert made[0].message.header.frame_id == 'base_link'


@pytest.mark.parametrize('kind, frames, wanted', [
    ('past', 3, [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 1, 0], [4, 2, 0], [5, 3, 1]]),
    ('interleaved', 3, [[0, 0, 2], [1, 0, 3], [2, 0, 4], [3, 1, 5], [4, 2, 5], [5, 3, 5]])])
def test_a_model_of_several_frames_looks_half_seconds_back_or_ahead(kind, frames, wanted):
    detector = FakeDetector((), ('FRONT', ), frames=frames, kind=kind)
    core, left_out = core_of(detector, CAMERAS)
    run(core, camera_drive())
    assert not left_out
    assert [[int(image[0, 0, 0]) for image in images] for _, images, _ in detector.calls] == wanted
    _, _, calibration = detector.calls[3]
    then = calibration['timestamps'] - calibration['timestamps'][0]
    np.testing.assert_allclose(then[1], -.5, atol=1e-6)
    # Half a second and 5 m earlier the camera was that much farther behind.
    np.testing.assert_allclose(calibration['lidar2cam'][1][:3, 3], [4, 0, -1], atol=1e-6)


def test_a_damaged_picture_is_left_out_and_counted():
    core, left_out = core_of(FakeDetector((), ('FRONT', )), CAMERAS)
    run(core, camera_drive(4, bad=(2, )))
    assert core.moments == 3 and len(left_out.sentences()) == 2
    assert left_out.sentences()[0].startswith('pictures of /front/image: ')
    assert left_out.sentences()[1] == 'moments: no camera delivered a picture (once)'


def test_the_time_of_each_stage_is_told():
    core, _ = core_of(FakeDetector(), options=DetectionOptions(tracker='greedy'))
    run(core, simple_drive())
    table = core.stages.table()
    for name in ('clouds', 'sweeps', 'model', 'tracker', 'messages'):
        assert f'  {name} ' in table
    assert core.stages.seconds('model') > 0 and '5 calls' in table


def test_options_that_cannot_be():
    with pytest.raises(ConfigError, match='the interval of camera frames is 0'):
        DetectionOptions(interval=0)
    with pytest.raises(ConfigError, match="there is no tracker 'none'"):
        core_of(FakeDetector(), options=DetectionOptions(tracker='none'))


@pytest.mark.parametrize('interval', [0, float('inf'), 1e300, float('nan')])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(ConfigError, match='give a positive number up to 3600'):
        DetectionOptions(interval=interval)
