"""A recording as a custom data set, up to what prepares and checks it."""
from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import Drive, at, cloud, header, message, simple_drive, transform
from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.custom_data import frames_of_recording
from sparse3d.recordings.frame_assembler import AssemblyOptions
from sparse3d.recordings.simulated_drive import RecordingOptions, simulate_recording
from sparse3d.recordings.simulated_messages import camera_info
from sparse3d_cli import main


def test_frames_become_points_pictures_calibration_times_and_poses(tmp_path, capsys):
    recording = tmp_path / 'my drive.mcap'
    simulate_recording(recording, 0, RecordingOptions(1.5, 4, image_width=32, azimuths=60))
    root = tmp_path / 'mine'
    assert main(['create-data', 'recording', str(recording), str(root), '--interval', '0.5',
                 '--frame', 'base_link']) == 0
    assert '3 frames, 3 pictures of cam_front_left' in capsys.readouterr().out
    names = sorted(path.stem for path in (root / 'points').iterdir())
    assert names == [f'my_drive_{number:06d}' for number in range(3)]
    times = json.loads((root / 'frames.json').read_text())
    assert np.diff([times[name]['timestamp'] for name in names]) == pytest.approx([.5, .5])
    moved = np.diff([np.array(times[name]['lidar2global'])[:2, 3] for name in names], axis=0)
    assert 1 < np.linalg.norm(moved[0]) < 7
    calibration = json.loads((root / 'calibration.json').read_text())
    front = calibration['cam_front']
    # A point 10 m ahead and as high as the camera is in the middle of the picture.
    seen = np.array(front['lidar2cam']) @ [11.7, .02, 1.51, 1]
    pixel = np.array(front['cam2img']) @ seen[:3] / seen[2]
    assert seen[2] == pytest.approx(10) and abs(pixel[0] - 16.3) < 1
    points = np.load(root / 'points' / f'{names[0]}.npy')
    assert points.dtype == np.float32 and points.shape[1] == 4 and points[:, 3].max() > 1

    boxes = root / 'boxes'
    boxes.mkdir()
    for name in names:
        (boxes / f'{name}.csv').write_text(
            'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,12,3,0,4,2,1.6,0\n')
    assert main(['create-data', 'custom', str(root), '--workers', '1']) == 0
    assert (root / 'own_infos_train.pkl').is_file()


def test_names_of_topics_are_no_paths(tmp_path):
    """Topics and frames may hold anything; files lie where they belong all the same."""
    drive = simple_drive()
    drive.add('/../../../evil/camera_info', camera_info(np.diag([50.0, 50, 1]), 64, 48, at(0),
                                                        '../lidar'), .001)
    drive.add('/tf_static', transform('lidar', '../lidar'), 0)
    png = cv2.imencode('.png', np.zeros((48, 64, 3), np.uint8))[1].reshape(-1)
    drive.add('/../../../evil/image', message(
        'sensor_msgs/msg/CompressedImage', header=header(0, '../lidar'), format='png', data=png),
        .002)
    root = tmp_path / 'deep' / 'mine'
    root.parent.mkdir()
    frames_of_recording(drive.write(tmp_path / 'drive.mcap'), root)
    assert [path.name for path in (root / 'images').iterdir()] == ['evil']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['deep', 'drive.mcap']


def test_what_is_left_out_is_counted_and_poses_are_of_all_frames_or_of_none(tmp_path):
    drive = simple_drive()
    drive.add('/lidar/points', cloud(np.zeros((0, 4)), .6), .62)
    drive.add('/lidar/points', cloud([[1, 2, 3, 4]], 5.0), 5.02)  # no transform of its time
    report = frames_of_recording(drive.write(tmp_path / 'drive.mcap'), tmp_path / 'mine')
    assert report.frames == 6 and len(report.left_out) == 3
    times = json.loads((tmp_path / 'mine' / 'frames.json').read_text())
    assert not any('lidar2global' in entry for entry in times.values())


@pytest.mark.parametrize('clouds, error, words', [
    (['/absent'], ConfigError, 'has no topic'),
    ([], DataError, 'no moment of .* could be used: clouds of /lidar/points: empty')])
def test_nothing_is_left_behind_by_what_fails(clouds, error, words, tmp_path):
    drive = Drive().add('/lidar/points', cloud(np.zeros((0, 4)), 0), 0)
    drive.add('/tf', transform('a', 'b'), 0).write(tmp_path / 'drive.mcap')
    with pytest.raises(error, match=words):
        frames_of_recording(tmp_path / 'drive.mcap', tmp_path / 'mine', clouds)
    assert [path.name for path in tmp_path.iterdir()] == ['drive.mcap']


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.txt').write_text('years')
    with pytest.raises(DataError, match='is there and not empty'):
        frames_of_recording(simple_drive().write(tmp_path / 'd.mcap'), tmp_path / 'mine',
                            options=AssemblyOptions(rate=2))


def with_cameras(*topics):
    drive = simple_drive().add('/tf_static', transform('lidar', 'camera'), 0)
    png = cv2.imencode('.png', np.zeros((48, 64, 3), np.uint8))[1].reshape(-1)
    for topic in topics:
        drive.add(f'{topic}/camera_info', camera_info(np.diag([50.0, 50, 1]), 64, 48, at(0),
                                                      'camera'), .001)
        drive.add(f'{topic}/image', message('sensor_msgs/msg/CompressedImage', format='png',
                                            header=header(0, 'camera'), data=png), .002)
    return drive


def test_cameras_whose_names_of_files_are_one_are_two_cameras(tmp_path):
    report = frames_of_recording(with_cameras('/a/b', '/a_b').write(tmp_path / 'd.mcap'),
                                 tmp_path / 'mine')
    assert report.pictures == {'a_b': 1, 'a_b_2': 1}
    with pytest.raises(ConfigError, match='the cameras a/b and a_b would both be a_b'):
        frames_of_recording(tmp_path / 'd.mcap', tmp_path / 'yours', images={
            'a/b': '/a/b/image', 'a_b': '/a_b/image'})


@pytest.mark.parametrize('name', ['.', 'link', 'there'])
def test_an_empty_folder_that_is_there_stays_the_same_one(name, tmp_path, monkeypatch):
    path = simple_drive().write(tmp_path / 'd.mcap')
    there = tmp_path / 'there'
    there.mkdir()
    (tmp_path / 'link').symlink_to('there')
    monkeypatch.chdir(there if name == '.' else tmp_path)
    before = there.stat().st_ino
    with pytest.raises(ConfigError):
        frames_of_recording(path, name, ['/absent'])
    (there / '.frames.tmp').mkdir()  # of a run that was killed
    frames_of_recording(path, name)
    assert sorted(one.name for one in there.iterdir()) == ['frames.json', 'points']
    assert there.stat().st_ino == before and (tmp_path / 'link').is_symlink()


def test_frames_without_poses_are_said_unless_the_sensor_stands_still(tmp_path):
    drive = simple_drive()
    drive.messages = [one for one in drive.messages if one[0] == '/lidar/points']
    path = drive.write(tmp_path / 'd.mcap')
    said, = frames_of_recording(path, tmp_path / 'mine').left_out
    assert 'nothing says how the sensor moves' in said and said.endswith('(5 times)')
    still = frames_of_recording(path, tmp_path / 'still',
                                options=AssemblyOptions(fixed_frame='lidar'))
    assert still.left_out == ()
