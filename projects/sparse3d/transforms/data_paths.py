"""Names that come from files, kept inside the folder that they belong to."""
from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from sparse3d.errors import DataError
from sparse3d.remote_files import remote_names
from sparse3d.remote_paths import is_remote

NOT_IN_NAMES = frozenset('/\\%:*?"<>|')  # '%' too: what stands for another has to be unique
MOST_BYTES = 200                         # of a name, room for endings left


def path_inside(folder: str | os.PathLike, name: str) -> Path:
    """Join a name that comes from a file to a folder that comes from the user.

    For reading and for writing. Links inside the folder are the user's own and are followed;
    the name itself must not lead out of the folder.

    Raises:
        DataError: if ``name`` is absolute, empty or climbs out with ``..``.
    """
    text = str(name).replace('\\', '/')
    parts = [part for part in text.split('/') if part not in ('', '.')]
    if not parts or text.startswith('/') or '..' in parts or '\0' in text:
        raise DataError(f'the path {name!r} leaves the folder {folder}: a file may only '
                        f'name files inside its data root')
    return Path(folder, *parts)


def posix_path(name: str) -> Path:
    """A path of an info file, which may have been written on Windows, with backslashes."""
    return Path(str(name).replace('\\', '/'))


def absent_files(paths: Iterable[Path]) -> list[Path]:
    """Those that do not exist, with one look at each folder: a data set has many files.

    Folders of web servers, which list nothing, are not looked at.
    """
    paths = list(paths)
    present = {folder: _names_in(folder) for folder in {path.parent for path in paths}}
    return [path for path in paths
            if (names := present[path.parent]) is not None and path.name not in names]


def _names_in(folder: Path) -> set[str] | None:
    if is_remote(folder):
        return remote_names(folder)
    return set(os.listdir(folder)) if folder.is_dir() else set()


def file_name(text: object) -> str:
    """A text from data (class, frame, token, camera) as the name of one file in one folder.

    Different texts give different names. What no file name may hold is written as ``%`` and
    the bytes in hexadecimal, a class ``truck/bus`` as ``truck%2Fbus``; long texts are cut
    and end with their checksum.
    """
    text = str(text)
    name = ''.join(_escaped(char) if char in NOT_IN_NAMES or not char.isprintable() else char
                   for char in text)
    if not name.strip('. '):
        name = ''.join(map(_escaped, name)) or '%'
    elif name.startswith('.'):
        name = _escaped('.') + name[1:]
    if len(name.encode('utf-8', 'replace')) > MOST_BYTES:
        digest = f'%{zlib.crc32(text.encode("utf-8", "surrogatepass")):08x}'
        name = name.encode('utf-8', 'replace')[:MOST_BYTES].decode('utf-8', 'ignore') + digest
    return name


def _escaped(char: str) -> str:
    return ''.join(f'%{byte:02X}' for byte in char.encode('utf-8', 'surrogatepass'))
