import errno
import os

import pytest

from sparse3d.atomic_files import (
    UnwritableFile,
    atomic_file,
    make_folder,
    write_bytes_atomically,
)
from sparse3d.errors import DataError


def test_content_arrives_whole(tmp_path):
    write_bytes_atomically(tmp_path / 'a.bin', b'new')
    assert (tmp_path / 'a.bin').read_bytes() == b'new'
    assert os.listdir(tmp_path) == ['a.bin']


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / 'a.bin'
    path.write_bytes(b'old')
    with pytest.raises(DataError, match='a.bin could not be written: No space left'):
        with atomic_file(path) as stream:
            stream.write(b'half')
            raise OSError(errno.ENOSPC, 'No space left on device')
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.bin']


@pytest.mark.parametrize('error', [KeyboardInterrupt, ValueError])
def test_an_interrupt_keeps_the_old_file(tmp_path, error):
    path = tmp_path / 'a.bin'
    path.write_bytes(b'old')
    with pytest.raises(error):
        with atomic_file(path) as stream:
            stream.write(b'half')
            raise error
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.bin']


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match='nowhere'):
        write_bytes_atomically(tmp_path / 'nowhere' / 'a.bin', b'x')


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    make_folder(tmp_path / 'a/b')
    make_folder(tmp_path / 'a/b')
    (tmp_path / 'file').write_text('')
    with pytest.raises(UnwritableFile, match='the folder .*file/b could not be made: .*; choose'):
        make_folder(tmp_path / 'file/b')
