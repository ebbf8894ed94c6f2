"""Files that are either whole or not there."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sparse3d.errors import DataError


class UnwritableFile(DataError):
    """A file that the operating system could not write, for instance on a full disk."""


@contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when all went well.

    Whatever goes wrong (full disk, exception in the block, interrupt), an older
    file at ``path`` stays as it was and no temporary file is left.

    Raises:
        UnwritableFile: if the operating system cannot write the file.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as stream:
            yield stream
        os.replace(temporary, path)
    except OSError as error:
        raise UnwritableFile(
            f'{path} could not be written: {error.strerror or error}; '
            f'make room or choose another place and run the command again') from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder and those above it, if they are not there.

    Raises:
        UnwritableFile: if the operating system cannot make it, or a file is in its place.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UnwritableFile(f'the folder {path} could not be made: {error.strerror or error}; '
                             f'choose another place and run the command again') from error


def write_bytes_atomically(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` as a whole or not at all; see :func:`atomic_file`."""
    with atomic_file(path) as stream:
        stream.write(content)
