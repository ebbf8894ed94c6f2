"""MCAP files that are whole, cut, flipped, and packed with what is not there."""
from __future__ import annotations

import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import Drive, simple_drive, transform
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.mcap_reading import read_mcap


def read(path):
    left_out = LeftOut()
    return list(read_mcap(path, left_out)), left_out.sentences()


@pytest.mark.parametrize('compression', ['NONE', 'LZ4', 'ZSTD'])
def test_all_messages_come_in_the_order_of_time(compression, tmp_path):
    drive = simple_drive()
    found, left_out = read(drive.write(tmp_path / 'drive.mcap', compression, 4000))
    assert left_out == [] and len(found) == len(drive.messages)
    assert sorted(one.log_time for one in found) == [one.log_time for one in found]
    assert {one.channel.topic for one in found} == {'/tf', '/tf_static', '/lidar/points'}


def test_a_truncated_file_is_read_up_to_its_last_whole_chunk(tmp_path):
    path = simple_drive(20).write(tmp_path / 'drive.mcap')
    whole, _ = read(path)
    content, counts = path.read_bytes(), []
    for share in (.3, .6, .9):
        path.write_bytes(content[:int(len(content) * share)])
        found, left_out = read(path)
        counts.append(len(found))
        assert [(one.log_time, one.data) for one in found] == [
            (one.log_time, one.data) for one in whole[:len(found)]]
        assert left_out == ['drive.mcap: the file is truncated; it was read up to its last whole '
                            'chunk (once)']
    assert 0 < counts[0] < counts[1] <= counts[2] <= len(whole)


def test_a_damaged_chunk_is_left_out_and_counted(tmp_path):
    path = simple_drive(20).write(tmp_path / 'drive.mcap', 'NONE')
    whole, _ = read(path)
    content = bytearray(path.read_bytes())
    place = content.find(b'base_link', len(content) // 4)
    content[place] ^= 1
    path.write_bytes(bytes(content))
    found, left_out = read(path)
    assert 0 < len(whole) - len(found) < 30
    assert left_out == ['chunks of drive.mcap: they are damaged (its checksum differs) (once)']


def test_a_codec_that_is_unknown_or_not_installed_is_said(tmp_path, monkeypatch):
    path = simple_drive().write(tmp_path / 'drive.mcap')
    import mcap.stream_reader
    monkeypatch.setattr(mcap.stream_reader, 'zstandard', None)
    found, left_out = read(path)
    assert found == [] and 'their codec zstd is not installed; run "pip install zstandard"' \
        in left_out[0]
    monkeypatch.undo()
    path.write_bytes(path.read_bytes().replace(b'\x04\x00\x00\x00zstd', b'\x04\x00\x00\x00bzip'))
    found, left_out = read(path)
    assert found == [] and "their codec 'bzip' is not known here" in left_out[0]
    assert 'times)' in left_out[0]  # all of its chunks


@pytest.mark.parametrize('content, words', [
    (b'', 'ends before its first record'), (b'ROSBAG V2.0 and more of it', 'is no MCAP file'),
    (b'\x89MCAP0\r\n', 'ends before its first record')])
def test_what_is_no_mcap_file_is_refused(content, words, tmp_path):
    path = tmp_path / 'other.mcap'
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(path)


def test_any_flipped_byte_gives_messages_or_a_sentence(tmp_path):
    path = simple_drive(3).write(tmp_path / 'drive.mcap')
    content = path.read_bytes()
    for place in range(8, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 0xff
        path.write_bytes(bytes(flipped))
        try:
            read(path)
        except DataError as error:
            assert '\n' not in str(error)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    path = Drive().add('/tf', transform('a', 'b'), 0).write(tmp_path / 'drive.mcap')
    monkeypatch.setitem(__import__('sys').modules, 'mcap.stream_reader', None)
    with pytest.raises(BackendUnavailable, match=r'sparse3d-perception\[recordings\]'):
        read(path)
