import errno
import os

import pytest

from sparse3d.atomic_files import (
    UnwritableFile,
    atomic_file,
    atomic_folder,
    atomic_path,
    check_file_place,
    check_place,
    empty_folder,
    link_folder,
    make_folder,
    move_file,
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


def test_a_program_that_opens_by_name_sees_the_ending(tmp_path):
    with atomic_path(tmp_path / 'a.mp4') as temporary:
        assert temporary.suffix == '.mp4' and not temporary.exists()
        temporary.write_bytes(b'film')
    assert (tmp_path / 'a.mp4').read_bytes() == b'film' and os.listdir(tmp_path) == ['a.mp4']
    with pytest.raises(UnwritableFile, match='b.mp4 could not be written: No such file'):
        with atomic_path(tmp_path / 'b.mp4'):
            pass  # the program wrote nothing


def test_who_looks_for_files_of_a_kind_finds_no_temporary_one(tmp_path):
    with atomic_file(tmp_path / 'a.bin'):
        assert list(tmp_path.glob('*.bin')) == [] and len(os.listdir(tmp_path)) == 1


def test_an_empty_folder_holds_nothing_of_before(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/old').write_text('')
    empty_folder(tmp_path / 'a')
    assert os.listdir(tmp_path / 'a') == []
    (tmp_path / 'file').write_text('')
    with pytest.raises(UnwritableFile, match='left by an earlier run, could not be removed'):
        empty_folder(tmp_path / 'file')


def test_a_link_is_made_once_and_refused_in_a_sentence(tmp_path):
    (tmp_path / 'source').mkdir()
    link_folder(tmp_path / 'source', tmp_path / 'link')
    link_folder(tmp_path / 'elsewhere', tmp_path / 'link')
    assert (tmp_path / 'link').resolve() == tmp_path / 'source'
    with pytest.raises(UnwritableFile, match='nowhere/link could not be made: .*; other folder'):
        link_folder(tmp_path / 'source', tmp_path / 'nowhere/link', 'other folder')
    os.rmdir(tmp_path / 'source')
    with pytest.raises(UnwritableFile, match='link could not be made: File exists'):
        link_folder(tmp_path / 'source', tmp_path / 'link')  # it leads nowhere now


def test_a_file_that_cannot_be_renamed_is_a_sentence(tmp_path):
    with pytest.raises(UnwritableFile, match='absent could not be renamed to .*: No such'):
        move_file(tmp_path / 'absent', tmp_path / 'b')


def test_a_bad_place_is_refused_before_anything_is_made(tmp_path):
    check_place(tmp_path / 'new/folder/a.json')
    assert os.listdir(tmp_path) == []
    (tmp_path / 'file').write_text('')
    with pytest.raises(UnwritableFile, match='a.json could not be written: .*file is not a folder'):
        check_place(tmp_path / 'file/deep/a.json')


def test_a_folder_is_there_as_a_whole_or_not(tmp_path):
    (tmp_path / 'empty').mkdir()
    for name in ('new', 'empty'):
        with atomic_folder(tmp_path / name) as folder:
            write_bytes_atomically(folder / 'a', b'a')
            assert not (tmp_path / name / 'a').exists()
        assert (tmp_path / name / 'a').read_bytes() == b'a'
    with pytest.raises(KeyError), atomic_folder(tmp_path / 'failed') as folder:
        write_bytes_atomically(folder / 'a', b'a')
        raise KeyError
    with pytest.raises(UnwritableFile, match='the folder .*new could not be made'):
        with atomic_folder(tmp_path / 'new') as folder:
            write_bytes_atomically(folder / 'b', b'b')
    assert sorted(os.listdir(tmp_path)) == ['empty', 'new']


def test_a_folder_is_no_place_for_a_file(tmp_path):
    check_file_place(tmp_path / 'new/folder/a.pth')
    with pytest.raises(UnwritableFile, match='could not be written: it is a folder; give the name'):
        check_file_place(tmp_path)
