"""Texts from Windows and Macs are read; what is no text is said."""
from __future__ import annotations

import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json, read_text


@pytest.mark.parametrize('content', [
    'a\nü\n'.encode(), b'\xef\xbb\xbf' + 'a\r\nü\r\n'.encode(), 'a\rü\r'.encode(),
    b'\xff\xfe' + 'a\r\nü\n'.encode('utf-16-le'), b'\xfe\xff' + 'a\nü\n'.encode('utf-16-be')])
def test_every_way_to_write_two_lines(tmp_path, content):
    (tmp_path / 'a.txt').write_bytes(content)
    assert read_text(tmp_path / 'a.txt') == 'a\nü\n'


@pytest.mark.parametrize(('content', 'message'), [
    ('a\nü\n'.encode('latin-1'), 'line 2 holds bytes that are no text; save it as UTF-8'),
    ('abc'.encode('utf-16-le'), 'bytes that are no text'),
    (b'\xff\xfea', 'bytes that are no text')])
def test_other_bytes_are_named(tmp_path, content, message):
    (tmp_path / 'a.txt').write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(tmp_path / 'a.txt')


@pytest.mark.parametrize('content', [b'', b'{', b'[' * 100000, b'{"a": 1} x'])
def test_json_that_is_none(tmp_path, content):
    (tmp_path / 'a.json').write_bytes(content)
    with pytest.raises(DataError, match='is no JSON'):
        read_json(tmp_path / 'a.json')


def test_a_key_that_stands_twice_is_refused(tmp_path):
    (tmp_path / 'a.json').write_text('{"a": {"b": 1, "c": 2, "b": 3}}')
    with pytest.raises(DataError, match=r"a.json has 'b' twice in one place; keep one"):
        read_json(tmp_path / 'a.json')
