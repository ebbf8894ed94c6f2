"""Files that are either whole or not there."""
from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sparse3d.errors import DataError
from sparse3d.remote_paths import address_of, is_remote


class UnwritableFile(DataError):
    """A file that the operating system could not write, for instance on a full disk."""


WAY_OUT = 'choose another place and run the command again'


@contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when all went well.

    Whatever goes wrong (full disk, exception in the block, interrupt), an older
    file at ``path`` stays as it was and no temporary file is left.

    Raises:
        UnwritableFile: if the operating system cannot write the file.
    """
    with atomic_path(path, keep_ending=False) as temporary:
        with open(temporary, 'wb') as stream:
            yield stream


@contextmanager
def atomic_path(path: str | os.PathLike, keep_ending: bool = True) -> Iterator[Path]:
    """As :func:`atomic_file`, for programs that open a file by its name.

    Args:
        path: of the file.
        keep_ending: for programs that choose a format by it; else the temporary file ends in
            ``.tmp``, so that who looks for files of a kind does not find it.

    Raises:
        UnwritableFile: if the operating system cannot write the file, or nothing wrote it.
    """
    _refuse_remote(path)
    path = Path(path)
    # Two machines may write the same file at once, with processes of one number.
    temporary = path.with_name(f'.{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp'
                               + path.suffix * keep_ending)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UnwritableFile(f'{path} could not be written: {error.strerror or error}; '
                             f'make room or {WAY_OUT}') from error
    finally:
        with suppress(OSError):  # of a folder that is not there, or is a file
            temporary.unlink()


def refuse_same_file(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Refuse to write over the file that is read.

    Raises:
        UnwritableFile: naming it.
    """
    if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise UnwritableFile(f'{target} is the file that is read; give another name to write to')


def make_folder(path: str | os.PathLike, way_out: str = WAY_OUT, mode: int = 0o777) -> None:
    """Make a folder and those above it, if they are not there.

    Args:
        path: of the folder.
        way_out: end of the sentence where it cannot be made.
        mode: who may do what with it, before the umask.

    Raises:
        UnwritableFile: if the operating system cannot make it, or a file is in its place.
    """
    _refuse_remote(path)
    try:
        os.makedirs(path, mode, exist_ok=True)
    except OSError as error:
        raise UnwritableFile(f'the folder {path} could not be made: {error.strerror or error}; '
                             f'{way_out}') from error


def empty_folder(path: str | os.PathLike) -> None:
    """Make a folder that is empty; one that is there is removed with all that it holds.

    Raises:
        UnwritableFile: if the operating system does not let it be removed or made.
    """
    try:
        if os.path.lexists(path):
            shutil.rmtree(path)
    except OSError as error:
        raise UnwritableFile(f'the folder {path}, left by an earlier run, could not be removed: '
                             f'{error.strerror or error}; remove it and run the command again'
                             ) from error
    make_folder(path)


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place when all went well.

    ``path`` must not be there, or be an empty folder. Whatever goes wrong, no temporary folder is
    left.

    Raises:
        UnwritableFile: if the operating system cannot make it or give it its name.
    """
    path = Path(path)
    make_folder(path.absolute().parent)
    temporary = path.absolute().with_name(f'.{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp')
    make_folder(temporary)
    try:
        yield temporary
        try:
            os.replace(temporary, path)  # an empty folder may be replaced
        except OSError as error:
            raise UnwritableFile(f'the folder {path} could not be made: '
                                 f'{error.strerror or error}; {WAY_OUT}') from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def link_folder(source: str | os.PathLike, link: str | os.PathLike, way_out: str = WAY_OUT) -> None:
    """Make a link to a folder, unless something has its name already.

    Raises:
        UnwritableFile: if the operating system cannot make it.
    """
    try:
        if not os.path.exists(link):
            os.symlink(Path(source).resolve(), link, target_is_directory=True)
    except OSError as error:
        raise UnwritableFile(f'the link {link} could not be made: {error.strerror or error}; '
                             f'{way_out}') from error


def move_file(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Give a file another name; what had the name before is replaced.

    Raises:
        UnwritableFile: if the operating system does not let it.
    """
    try:
        os.replace(source, target)
    except OSError as error:
        raise UnwritableFile(f'{source} could not be renamed to {target}: '
                             f'{error.strerror or error}; {WAY_OUT}') from error


def check_place(path: str | os.PathLike) -> None:
    """Refuse a file or folder that could not be made, before a long work; nothing is made.

    Raises:
        UnwritableFile: if what is above it is no folder, or may not be written to or takes no
            files.
    """
    _refuse_remote(path)
    above = Path(path).absolute().parent
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        raise UnwritableFile(f'{path} could not be written: {above} is not a folder; {WAY_OUT}')
    if not os.access(above, os.W_OK | os.X_OK):
        raise UnwritableFile(f'{path} could not be written: {above} may not be written to; '
                             f'{WAY_OUT}')
    try:  # /proc, a full disk, a share that is gone: access says yes
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise UnwritableFile(f'{path} could not be written: {above} takes no files '
                             f'({error.strerror or error}); {WAY_OUT}') from error


def check_file_place(path: str | os.PathLike) -> None:
    """As :func:`check_place`, for a file: a folder of its name is refused, too.

    Raises:
        UnwritableFile: naming what stands in the way.
    """
    check_place(path)
    if os.path.isdir(path):
        raise UnwritableFile(f'{path} could not be written: it is a folder; give the name of a '
                             f'file')


def _refuse_remote(path: str | os.PathLike) -> None:
    if is_remote(path):
        raise UnwritableFile(f'{address_of(path)} lies on a server, and servers are only read; '
                             f'give a folder of this machine')


def write_bytes_atomically(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` as a whole or not at all; see :func:`atomic_file`."""
    with atomic_file(path) as stream:
        stream.write(content)
