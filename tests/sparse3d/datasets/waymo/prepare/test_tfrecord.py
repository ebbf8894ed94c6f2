import io
import random
import struct

import pytest

from sparse3d.datasets.waymo.crc32c import crc32c, masked_crc32c
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.datasets.waymo.simulate.encoding import write_record
from sparse3d.errors import DataError


@pytest.mark.parametrize('content, expected', [
    (b'', 0), (b'a', 0xC1D04330), (b'123456789', 0xE3069283), (bytes(32), 0x8A9136AA),
    (b'\xff' * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)])
def test_published_checksums(content, expected):
    """RFC 3720, appendix B.4, and two well-known strings."""
    assert crc32c(content) == expected


@pytest.mark.parametrize('length', [1, 3, 4, 5, 1023, 1024, 1025, 2048, 5000, 7 * 1024 + 1])
def test_checksums_across_lanes_agree_with_bit_by_bit_division(length):
    content = random.Random(length).randbytes(length)
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    assert crc32c(content) == register ^ 0xFFFFFFFF


def test_records_come_back(tmp_path):
    contents = [b'', b'one', bytes(5000)]
    with open(tmp_path / 'a.tfrecord', 'wb') as stream:
        for content in contents:
            write_record(stream, content)
    assert list(read_records(tmp_path / 'a.tfrecord')) == contents


def test_framing_by_hand():
    stream = io.BytesIO()
    write_record(stream, b'abc')
    length = struct.pack('<Q', 3)
    assert stream.getvalue() == (
        length + struct.pack('<I', masked_crc32c(length)) + b'abc'
        + struct.pack('<I', masked_crc32c(b'abc')))
    crc = crc32c(b'abc')
    assert masked_crc32c(b'abc') == ((crc >> 15 | crc << 17) % 2**32 + 0xA282EAD8) % 2**32


def test_the_official_writer_agrees(record_file):
    assert [len(record) > 100_000 for record in read_records(record_file)] == [True, True]


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / 'a.tfrecord').write_bytes(b'')
    assert list(read_records(tmp_path / 'a.tfrecord')) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match='nowhere.tfrecord does not exist'):
        list(read_records(tmp_path / 'nowhere.tfrecord'))


def test_every_truncation_within_a_record_is_found(tmp_path):
    stream = io.BytesIO()
    write_record(stream, b'some content')
    for length in range(1, len(stream.getvalue())):
        (tmp_path / 'a').write_bytes(stream.getvalue()[:length])
        with pytest.raises(DataError, match='record 0.*truncated'):
            list(read_records(tmp_path / 'a'))


def test_every_flipped_bit_is_found(tmp_path):
    stream = io.BytesIO()
    write_record(stream, b'some content')
    content = stream.getvalue()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / 'a').write_bytes(damaged)
        with pytest.raises(DataError, match='record 0'):
            list(read_records(tmp_path / 'a'))
