"""TFRecord files: framed byte strings with checksums, read without TensorFlow."""
from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from sparse3d.datasets.waymo.crc32c import masked_crc32c
from sparse3d.errors import DataError
from sparse3d.first_bytes import other_kind_of

_HEAD = struct.Struct('<QI')
_FOOT = struct.Struct('<I')


def read_records(path: str | os.PathLike) -> Iterator[bytes]:
    """Yield the records of an uncompressed TFRecord file, every checksum compared.

    Args:
        path: the file; each record is a length (uint64), the masked CRC-32C of the
            length, the bytes and their masked CRC-32C, all little-endian.

    Raises:
        DataError: naming the file and the record, if it is missing, truncated or damaged.
    """
    try:
        with open(path, 'rb') as stream:
            size = os.fstat(stream.fileno()).st_size
            if size and (other := other_kind_of(stream)):
                raise DataError(f'{path} is no TFRecord file: {other}')
            number = 0
            while stream.tell() < size:
                yield _record(stream, size, f'{path}, record {number}')
                number += 1
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error


def _record(stream: BinaryIO, size: int, where: str) -> bytes:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise DataError(f'{where}: the file ends within the record; it is truncated')
    length, checksum = _HEAD.unpack(head)
    if masked_crc32c(head[:8]) != checksum:
        raise DataError(f'{where}: the checksum of the length is wrong; the file is damaged '
                        f'or no TFRecord file')
    if length + _FOOT.size > size - stream.tell():   # before anything of that size is allocated
        raise DataError(f'{where}: the file ends within the record; it is truncated')
    content = stream.read(length)
    if (masked_crc32c(content),) != _FOOT.unpack(stream.read(_FOOT.size)):
        raise DataError(f'{where}: the checksum is wrong; the file is damaged')
    return content
