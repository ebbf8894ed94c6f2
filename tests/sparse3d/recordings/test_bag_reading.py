"""ROS 2 bag folders of both storages, also without metadata, damaged and with absent files."""
from __future__ import annotations

import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import simple_drive
from sparse3d.errors import DataError
from sparse3d.recordings.bag_reading import read_bag
from sparse3d.recordings.bag_writing import bag_folder
from sparse3d.recordings.detection_messages import Outgoing
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.reading import is_recording, read_messages


@pytest.fixture(params=['sqlite3', 'mcap'])
def bag(request, tmp_path):
    return write(tmp_path / 'drive', request.param)


def write(path, storage='sqlite3', moments=5):
    with bag_folder(path, storage) as add:
        for topic, made, time in sorted(simple_drive(moments).messages, key=lambda one: one[2]):
            add(Outgoing(topic, made, time))
    return path


def read(path):
    left_out = LeftOut()
    return list(read_bag(path, left_out)), left_out.sentences()


def test_a_bag_gives_what_was_written(bag):
    found, left_out = read(bag)
    wanted = sorted(simple_drive().messages, key=lambda one: one[2])
    assert left_out == [] and len(found) == len(wanted)
    assert [one.log_time for one in found] == [time for _, _, time in wanted]
    assert {one.channel.schema for one in found} == {
        'tf2_msgs/msg/TFMessage', 'sensor_msgs/msg/PointCloud2'}
    assert found[-1].data == Outgoing(*wanted[-1]).data


def test_a_file_of_a_bag_can_be_given_alone(bag):
    file = next(path for path in bag.iterdir() if path.suffix != '.yaml')
    assert len(list(read_messages(file, LeftOut()))) == len(read(bag)[0])


def test_an_mcap_bag_without_metadata_is_its_one_file(tmp_path):
    bag = write(tmp_path / 'drive', 'mcap')
    whole = len(read(bag)[0])
    (bag / 'metadata.yaml').unlink()
    assert is_recording(bag) and len(read(bag)[0]) == whole
    file = next(bag.iterdir())
    (bag / 'second.mcap').write_bytes(file.read_bytes())
    with pytest.raises(DataError, match='has no metadata.yaml, which says what belongs together'):
        read(bag)


def test_a_truncated_file_of_an_mcap_bag_is_read_as_far_as_it_goes(tmp_path):
    bag = write(tmp_path / 'drive', 'mcap', 200)
    file = next(path for path in bag.iterdir() if path.suffix == '.mcap')
    file.write_bytes(file.read_bytes()[:-300])
    found, left_out = read(bag)
    assert 'is truncated' in left_out[0]


def test_a_damaged_sqlite_file_is_read_as_far_as_it_goes_or_refused(tmp_path):
    bag = write(tmp_path / 'drive', 'sqlite3', 40)
    whole = len(read(bag)[0])
    file = bag / 'drive.db3'
    content = bytearray(file.read_bytes())
    content[len(content) // 2:len(content) // 2 + 40000] = bytes(40000)
    file.write_bytes(bytes(content))
    try:
        found, left_out = read(bag)
    except DataError as error:
        assert 'is no readable ROS 2 bag' in str(error)
    else:
        assert len(found) < whole and 'the storage is damaged' in left_out[0]
    file.write_bytes(b'no database')
    with pytest.raises(DataError, match='is no readable ROS 2 bag'):
        read(bag)


def test_names_in_the_metadata_stay_in_the_folder(tmp_path):
    """A path to elsewhere is the name of a file that is not in the folder."""
    bag = write(tmp_path / 'drive', 'mcap')
    other = simple_drive().write(tmp_path / 'secret.mcap')
    metadata = bag / 'metadata.yaml'
    file = next(path.name for path in bag.iterdir() if path.suffix == '.mcap')
    metadata.write_text(metadata.read_text().replace(file, f'../{other.name}'))
    with pytest.raises(DataError, match='secret.mcap is named in metadata.yaml and is not there'):
        read(bag)


@pytest.mark.parametrize('content', ['', 'a: [', 'rosbag2_bagfile_information: 3', '- 1'])
def test_metadata_that_are_none_are_said(content, tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    (folder / 'metadata.yaml').write_text(content)
    with pytest.raises(DataError, match='is not the metadata of a ROS 2 bag'):
        read(folder)


def test_a_bag_that_is_there_is_not_written_over(tmp_path):
    bag = write(tmp_path / 'drive')
    with pytest.raises(DataError, match='is there already'), bag_folder(bag):
        pass
    with pytest.raises(ZeroDivisionError), bag_folder(tmp_path / 'half'):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ['drive']


@pytest.mark.parametrize('paths', ['', ' 5', ' {a: 1}'])
def test_metadata_that_name_no_files_are_said(paths, tmp_path):
    folder = tmp_path / 'bag'
    folder.mkdir()
    (folder / 'metadata.yaml').write_text(
        'rosbag2_bagfile_information:\n  storage_identifier: mcap\n'
        f'  relative_file_paths:{paths}\n')
    with pytest.raises(DataError, match='does not list the files of the bag'):
        read(folder)


def test_an_empty_last_file_of_a_recorder_without_power_is_said(tmp_path):
    bag = write(tmp_path / 'drive', 'mcap')
    whole = len(read(bag)[0])
    (bag / 'last.mcap').write_bytes(b'')
    metadata = bag / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace(
        '  relative_file_paths:\n', '  relative_file_paths:\n  - last.mcap\n'))
    found, left_out = read(bag)
    assert len(found) == whole and left_out == ['last.mcap: the file is empty (once)']


def test_names_in_the_metadata_are_shown_as_text(tmp_path):
    bag = write(tmp_path / 'drive', 'mcap')
    metadata = bag / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('- drive.mcap', '- "a\\e[2J.mcap"'))
    with pytest.raises(DataError, match=r'a\\x1b\[2J.mcap is named'):
        read(bag)
