"""A simulated recording: the same drive as in nuScenes' layout, with sensors of their own."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from sparse3d.datasets.nuscenes.simulate import simulate_nuscenes
from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.frame_assembler import AssemblyOptions, FrameAssembler
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_types import Decoder
from sparse3d.recordings.point_clouds import cloud_columns
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.simulated_drive import RecordingOptions, simulate_recording
from sparse3d.recordings.topics import choose, look
from sparse3d.transforms.given_arrays import EarlierSweeps
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.transforms.sweep_points import load_sweep_points

OPTIONS = RecordingOptions(1.0, lidar_rate=4, front_rate=5, image_width=32, azimuths=60)
CAMERAS = ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
           'CAM_BACK_RIGHT')


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    path = tmp_path_factory.mktemp('recording') / 'drive.mcap'
    simulate_recording(path, 3, OPTIONS)
    return path


def test_it_has_all_sensors_at_their_rates(drive):
    topics = look(drive, seconds=None)
    assert {topic.rate for name, topic in topics.items() if name.endswith('top/points')} == {4}
    assert topics['/lidar_front/points'].rate == pytest.approx(5)
    assert topics['/tf'].rate == topics['/odometry'].rate == pytest.approx(100, rel=.01)
    for camera in CAMERAS:
        assert topics[f'/{camera.lower()}/image/compressed'].frame == camera.lower()
        assert topics[f'/{camera.lower()}/camera_info'].count == 2
    assert not any(topic.fault for topic in topics.values())


def test_the_front_lidar_is_laid_out_otherwise(drive):
    left_out = LeftOut()
    raw = next(raw for raw in read_messages(drive, left_out)
               if raw.channel.topic == '/lidar_front/points')
    made = Decoder(left_out).decode(raw)
    assert made.is_bigendian and made.point_step > 4 * 3 + 2 + 4 + 1
    columns = cloud_columns(made)
    assert list(columns) == ['ring', 'time', 'reflectivity', 'x', 'y', 'z']
    assert columns['reflectivity'].dtype == np.uint8 and columns['x'].min() > 0


def test_points_and_cameras_are_those_of_nuscenes_layout(drive, tmp_path):
    """The same drive twice: prepared as nuScenes, and put together from messages."""
    simulate_nuscenes(tmp_path, 2, 3, options=OPTIONS.of_nuscenes(), show_progress=False)
    _prepare(tmp_path)
    entries = read_plain_file(tmp_path / 'nuscenes_infos_train.pkl')['data_list']
    left_out = LeftOut()
    choice = choose(look(drive), left_out, True, CAMERAS, ['/lidar_top/points'])
    made = FrameAssembler(choice, left_out, ('x', 'y', 'z', 'intensity', 'age'), CAMERAS,
                          EarlierSweeps(10, 1.0), AssemblyOptions(rate=2))
    decoder, frames = Decoder(left_out), []
    for raw in read_messages(drive, left_out):
        if raw.channel.topic in choice.topics:
            frames += made.take(raw.channel.topic, decoder.decode(raw), raw.log_time)
    frames += made.flush()
    assert not left_out and len(frames) == len(entries) == 2
    for frame, entry in zip(frames, entries, strict=True):
        assert frame.stamp == round(entry['timestamp'] * 1e6) * 1000
        np.testing.assert_allclose(frame.points, load_sweep_points(tmp_path, entry), atol=2e-4)
        for camera, info in entry['images'].items():
            np.testing.assert_allclose(frame.frame_to_camera[camera], info['lidar2cam'], atol=1e-3)
            np.testing.assert_allclose(frame.images[camera].lens.matrix, info['cam2img'])
            stored = (tmp_path / 'samples' / camera / info['img_path']).read_bytes()
            assert bytes(frame.images[camera].message.data) == stored
    assert len(frames[1].points) > len(frames[0].points)


def _prepare(root):
    from sparse3d_cli import main
    assert main(['create-data', 'nuscenes', str(root), '--workers', '1']) == 0


def test_the_same_seed_gives_the_same_messages_and_clocks_can_be_wrong(drive, tmp_path):
    def content(path):
        return [(raw.channel.topic, raw.log_time, raw.data)
                for raw in read_messages(path, LeftOut())]
    again = tmp_path / 'again.mcap'
    simulate_recording(again, 3, OPTIONS)
    assert content(again) == content(drive)
    wrong = RecordingOptions(.5, lidar_rate=4, image_width=0, azimuths=40, clock_offset=.5)
    simulate_recording(tmp_path / 'wrong', 3, wrong)
    topics = look(tmp_path / 'wrong')
    assert not any('cam' in name for name in topics)
    choice = choose(topics, LeftOut(), True)
    assert choice.offsets == {'/lidar_front/points': -510_000_000}  # its delay is 10 ms shorter


@pytest.mark.parametrize('change', [dict(seconds=0), dict(front_rate=-1), dict(lidar_rate=3),
                                    dict(clock_offset=1e6)])
def test_options_out_of_range_are_refused(change):
    with pytest.raises(DataError, match=next(iter(change))):
        RecordingOptions(**change)


def test_a_negative_seed_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ConfigError, match='seed is -1; it may not be negative'):
        simulate_recording(tmp_path / 'drive.mcap', -1)
    assert not list(tmp_path.iterdir())


def test_the_ending_may_be_in_capitals(tmp_path):
    simulate_recording(tmp_path / 'DRIVE.MCAP', 0, RecordingOptions(.5, 4, 0, image_width=0,
                                                                    azimuths=10))
    assert (tmp_path / 'DRIVE.MCAP').is_file() and look(tmp_path / 'DRIVE.MCAP')
