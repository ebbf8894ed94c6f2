"""The compressed arrays inside Waymo v1 frames."""
from __future__ import annotations

import zlib

import numpy as np
from google.protobuf.message import DecodeError

from sparse3d.datasets.waymo.messages import MatrixFloat, MatrixInt32
from sparse3d.datasets.waymo.prepare.plausible import image_array
from sparse3d.errors import DataError

_LARGEST_MATRIX = 1 << 28    # bytes after decompression


def read_float_matrix(compressed: bytes, channels: int, where: str) -> np.ndarray:
    """Decode a ``MatrixFloat``: (H, W, channels) float32.

    Raises:
        DataError: if it is damaged or has another shape.
    """
    matrix = _message(MatrixFloat, compressed, where)
    content = b''.join(matrix.data)
    if len(content) % 4:
        raise DataError(f'{where} does not hold whole numbers; the file is damaged')
    return image_array(np.frombuffer(content, dtype='<f4'), matrix.shape.dims, channels, where)


def read_int_matrix(compressed: bytes, channels: int, where: str) -> np.ndarray:
    """Decode a ``MatrixInt32``: (H, W, channels) int32.

    Raises:
        DataError: if it is damaged or has another shape.
    """
    matrix = _message(MatrixInt32, compressed, where)
    values = decode_varints(b''.join(matrix.data), where)
    return image_array(values, matrix.shape.dims, channels, where)


def decode_varints(content: bytes, where: str) -> np.ndarray:
    """Packed protobuf integers as an int32 array (N,).

    Raises:
        DataError: if the last integer has no end or one is too long.
    """
    octets = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(octets < 0x80)
    if octets.size and (not ends.size or ends[-1] != octets.size - 1):
        raise DataError(f'{where} ends within a number; the file is damaged')
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    lengths = ends - starts + 1
    if lengths.max(initial=0) > 10:
        raise DataError(f'{where} holds a number of more than 64 bits; the file is damaged')
    values = np.zeros(len(starts), dtype=np.uint64)
    for place in range(lengths.max(initial=0)):
        rows = np.flatnonzero(lengths > place)
        digits = octets[starts[rows] + place].astype(np.uint64) & np.uint64(0x7F)
        values[rows] |= digits << np.uint64(7 * place)
    return values.astype(np.uint32).view(np.int32)   # negative numbers take 64 bits on the wire


def _message(kind: type, compressed: bytes, where: str) -> object:
    engine = zlib.decompressobj()
    try:
        content = engine.decompress(compressed, _LARGEST_MATRIX)
        if not engine.eof:
            raise DataError(f'{where} is incomplete or too large; the file is damaged')
        return kind.FromString(content)
    except (zlib.error, DecodeError) as error:
        raise DataError(f'{where} is damaged: {error}') from error
