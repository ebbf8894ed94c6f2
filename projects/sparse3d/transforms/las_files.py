"""LAS and LAZ files (surveying, drones) through ``laspy``, which is an extra."""
from __future__ import annotations

import io
import os
import struct

import numpy as np

from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.transforms.column_tables import Columns, cut_short

_MAX_RATIO = 1000  # bytes of a LAZ file to those of its points; real scans stay below 20
_HEADER, _HEADER_1_4 = 227, 375       # bytes of the public header up to version 1.3, and of 1.4
_RECORD, _EXTENDED_RECORD = 54, 60    # bytes of an empty variable length record's header


def read_las(content: bytes, path: str | os.PathLike) -> Columns:
    """The columns of a LAS or LAZ file by name; x, y, z are scaled to meters.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        BackendUnavailable: if laspy (for LAZ also lazrs) is not installed.
        DataError: if the file is damaged or has fewer points than its header declares.
    """
    try:
        import laspy
    except ImportError as error:
        raise BackendUnavailable(f'{path} needs laspy, which is not installed; '
                                 f'run "pip install laspy[lazrs]"') from error
    _check_counts(content, path)
    try:
        with laspy.open(io.BytesIO(content), closefd=False) as reader:
            header = reader.header
            _check_length(content, header, path)
            cloud = reader.read()
    except DataError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # lazrs panics with an exception of its own kind
        if 'No LazBackend' in str(error) or 'laz backend' in str(error).lower():
            raise BackendUnavailable(f'{path} is compressed and needs lazrs, which is not '
                                     f'installed; run "pip install laspy[lazrs]"') from error
        raise DataError(f'{path} is damaged or no LAS file: {type(error).__name__} '
                        f'{str(error)[:120]}') from error
    if len(cloud.points) != header.point_count:
        raise cut_short(path, header.point_count, len(cloud.points))
    columns = {name.lower(): np.asarray(cloud[name]) for name in cloud.point_format.dimension_names
               if name not in 'XYZ' and np.ndim(cloud[name]) == 1}
    return {'x': np.asarray(cloud.x), 'y': np.asarray(cloud.y), 'z': np.asarray(cloud.z), **columns}


def _check_counts(content: bytes, path: str | os.PathLike) -> None:
    """Refuse a header that declares more records in front of or behind the points than there is
    room for: laspy would read all of them from the end of the file, billions of empty ones."""
    if content[:4] != b'LASF' or len(content) < _HEADER:
        return  # laspy says so
    minor, (size, points, records) = content[25], struct.unpack_from('<HII', content, 94)
    if size + records * _RECORD > min(points, len(content)):
        raise DataError(f'{path} is damaged or no LAS file: its header declares {records} records '
                        f'between the header and the points, for which there is no room')
    if minor >= 4 and len(content) >= _HEADER_1_4:
        start, extended = struct.unpack_from('<QI', content, 235)
        if extended and start + extended * _EXTENDED_RECORD > len(content):
            raise DataError(f'{path} is damaged or no LAS file: its header declares {extended} '
                            f'records from byte {start}, and the file has {len(content)} bytes')


def _check_length(content: bytes, header: object, path: str | os.PathLike) -> None:
    """Refuse what cannot be whole before memory is reserved for it."""
    there = len(content) - header.offset_to_point_data
    wanted = header.point_count * header.point_format.size
    ratio = _MAX_RATIO if header.are_points_compressed else 1
    if there < 0 or wanted > there * ratio:
        raise cut_short(path, header.point_count, max(there, 0) // header.point_format.size)
