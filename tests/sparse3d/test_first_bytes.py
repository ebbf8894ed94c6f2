"""Files that came in place of others: web pages, pointers of Git LFS, archives."""
import gzip
import io

import pytest

from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.errors import CheckpointError, DataError
from sparse3d.first_bytes import other_kind, other_kind_of
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.transforms.text_files import read_json

PAGE = b'\n<!DOCTYPE html><html><title>Virus scan warning</title></html>'
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'
PACKED = gzip.compress(b'content', mtime=0)  # a name of a test: the same in every process
KINDS = [(PAGE, 'web page'), (POINTER, 'git lfs pull'), (PACKED, 'gzip; unpack')]
READERS = {
    'a.pth': (open_checkpoint, CheckpointError),
    'a.safetensors': (open_checkpoint, CheckpointError),
    'a.tfrecord': (lambda path: list(read_records(path)), DataError),
    'a.pkl': (read_plain_file, DataError), 'a.json': (read_json, DataError)}


@pytest.mark.parametrize('content, said', KINDS)
@pytest.mark.parametrize('name', READERS)
def test_each_reader_says_what_came_in_place(tmp_path, name, content, said):
    read, error = READERS[name]
    if name == 'a.json' and content is PACKED:
        said = 'no text'
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=said) as raised:
        read(path)
    assert name in str(raised.value) and 'weights_only' not in str(raised.value)


def test_files_of_use_are_not_named():
    assert other_kind(b'PK\x03\x04') is None and other_kind(b'\x80\x04}') is None
    assert other_kind(b'{"a": 1}') is None
    assert 'empty' in other_kind(b'')
    assert 'tar archive' in other_kind(bytes(257) + b'ustar')


def test_an_open_file_stays_where_it_is():
    file = io.BytesIO(b'1234' + POINTER)
    file.seek(4)
    assert 'Git LFS' in other_kind_of(file) and file.tell() == 4
