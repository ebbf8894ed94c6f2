"""Point clouds stored as raw float32, read with every check that a file of bare numbers allows."""
from __future__ import annotations

import os
import zlib
from collections.abc import Mapping

import numpy as np
from mmengine.logging import print_log

from sparse3d.errors import DataError
from sparse3d.remote_files import read_remote
from sparse3d.remote_paths import is_remote

_BYTES_PER_NUMBER = 4
_warned: set[str] = set()


def load_points(
        path: str | os.PathLike,
        columns: int = 4,
        contents: Mapping[str, int] | None = None,
        allow_empty: bool = True,
) -> np.ndarray:
    """Read a ``.bin`` file of little-endian float32 rows.

    Rows with NaN or infinite numbers are dropped with one warning per file.

    Args:
        path: the file.
        columns: numbers per point, e.g. 4 for x, y, z [m], reflectance.
        contents: what :func:`describe_contents` said of the file when the info file
            was made; differences are errors.
        allow_empty: whether a file of zero bytes is a point cloud without points.

    Returns:
        (N, columns) float32, writable.

    Raises:
        DataError: if the file is missing, empty against ``allow_empty``, not a whole
            number of rows (truncated or another column count), or changed since
            ``contents`` was recorded.
    """
    content = read_rows(path, columns)
    if not content and not allow_empty:
        raise DataError(f'{path} is empty; fetch or make it again')
    if contents is not None:
        _check_contents(path, content, contents)
    return points_of_bytes(content, columns, path)


def read_rows(path: str | os.PathLike, columns: int) -> bytes:
    """The content of a raw file.

    Raises:
        DataError: if it is missing or not a whole number of rows.
    """
    content = read_bytes(path)
    _check_rows(content, columns, path)
    return content


def points_of_bytes(content: bytes, columns: int, path: str | os.PathLike) -> np.ndarray:
    """The rows of a raw file's content; see :func:`load_points`.

    Raises:
        DataError: if it is not a whole number of rows.
    """
    _check_rows(content, columns, path)
    return _finite_rows(np.frombuffer(content, dtype='<f4').reshape(-1, columns), path)


def _check_rows(content: bytes, columns: int, path: str | os.PathLike) -> None:
    if len(content) % (columns * _BYTES_PER_NUMBER):
        raise DataError(
            f'{path} has {len(content)} bytes, not a multiple of the {columns} x 4 bytes of a '
            f'point: it is truncated or has another number of columns')


def read_bytes(path: str | os.PathLike) -> bytes:
    """Read a file, here or with a scheme; a :class:`DataError` names it when that fails."""
    if is_remote(path):
        return read_remote(path)
    try:
        with open(path, 'rb', buffering=0) as file:
            return file.readall()
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error


def describe_contents(content: bytes) -> dict[str, int]:
    """Size in bytes and CRC-32 of a file, recorded in info files to notice damage later."""
    return dict(size=len(content), crc32=zlib.crc32(content))


def _check_contents(path: str | os.PathLike, content: bytes, contents: Mapping) -> None:
    if len(content) != contents['size']:
        raise DataError(f'{path} has {len(content)} bytes but had {contents["size"]} when its '
                        f'info file was made; restore it or run sparse3d create-data again')
    if zlib.crc32(content) != contents['crc32']:
        raise DataError(f'{path} has changed since its info file was made (checksum differs); '
                        f'restore it or run sparse3d create-data again')


def _finite_rows(points: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    finite = np.isfinite(points)
    if finite.all():
        return points.copy()
    keep = finite.all(axis=1)
    if str(path) not in _warned:
        _warned.add(str(path))
        print_log(f'{path}: {int((~keep).sum())} of {len(points)} points are NaN or infinite '
                  f'and are left out', logger='current', level=30)
    return points[keep]
