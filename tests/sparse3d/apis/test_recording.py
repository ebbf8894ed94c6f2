"""What a recording holds, as the verb prints it."""
from __future__ import annotations

import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import Drive, simple_drive, transform
from sparse3d.apis.recording import list_recording
from sparse3d.errors import DataError
from sparse3d_cli import main


def test_topics_are_listed_with_counts_rates_frames_and_types(tmp_path, capsys):
    path = simple_drive(11).write(tmp_path / 'drive.mcap')
    assert main(['recording', str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ['topic', 'messages', 'Hz', 'frame', 'type']
    assert lines[1].split() == ['/lidar/points', '11', '10.0', 'lidar',
                                'sensor_msgs/msg/PointCloud2']
    assert lines[-1].startswith('132 messages on 3 topics over 1.1 s in ')


def test_what_cannot_be_read_is_said_with_exit_status_1(tmp_path, capsys):
    drive = simple_drive(9).add_foreign('/radar', 'Targets', 'protobuf', b'1', .1)
    path = drive.write(tmp_path / 'drive.mcap')
    path.write_bytes(path.read_bytes()[:-2000])
    assert main(['recording', str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert 'cannot be read: drive.mcap: the file is truncated' in lines[0]
    assert "messages of /radar: Targets in the encoding 'protobuf'" in lines[1]


def test_types_of_no_use_here_are_no_fault(tmp_path):
    from recorded_drive import message
    text = message('std_msgs/msg/String', data='hello')
    content = list_recording(Drive().add('/talk', text, 0).write(tmp_path / 'drive.mcap'))
    assert content.left_out == () and '/talk' in str(content)


def test_an_empty_recording_is_said(tmp_path):
    with pytest.raises(DataError, match='has no messages'):
        list_recording(Drive().write(tmp_path / 'drive.mcap'))


def test_messages_of_several_types_on_a_topic_are_said(tmp_path):
    drive = simple_drive().add('/lidar/points', transform('a', 'b'), .45)
    assert list_recording(drive.write(tmp_path / 'drive.mcap')).left_out == (
        'messages of /lidar/points: of another type than sensor_msgs/msg/PointCloud2, the first '
        'one there (once)', )
