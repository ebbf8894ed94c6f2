"""How v1 files hold records and arrays, written without the reader's code."""
from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import numpy as np

from sparse3d.datasets.waymo.crc32c import masked_crc32c
from sparse3d.datasets.waymo.messages import MatrixFloat, MatrixInt32

_MAX_DIGITS = 10  # of seven bits: negative numbers take 64 bits on the wire


def write_record(stream: BinaryIO, content: bytes) -> None:
    """Append one record of a TFRecord file to an open file: its length (uint64), the bytes, and
    the masked CRC-32C of either."""
    length = struct.pack('<Q', len(content))
    for part in (length, content):
        stream.write(part)
        stream.write(struct.pack('<I', masked_crc32c(part)))


def write_matrix(values: np.ndarray) -> bytes:
    """A float32 or int32 array as the compressed message that range images are stored as."""
    if np.issubdtype(values.dtype, np.floating):
        matrix = MatrixFloat(data=[values.astype('<f4').tobytes()])
    else:
        matrix = MatrixInt32(data=[encode_varints(values.ravel())])
    matrix.shape.dims.extend(values.shape)
    return zlib.compress(matrix.SerializeToString())


def encode_varints(values: np.ndarray) -> bytes:
    """Integers (N,) as packed protobuf integers."""
    left = values.astype(np.int64).view(np.uint64)
    digits = np.zeros((len(left), _MAX_DIGITS), dtype=np.uint8)
    lengths = np.ones(len(left), dtype=np.int64)
    for place in range(_MAX_DIGITS):
        digits[:, place] = left & np.uint64(0x7F)
        left = left >> np.uint64(7)
        more = left > 0
        digits[more, place] |= 0x80
        lengths[more] += 1
        if not more.any():
            break
    return digits[np.arange(_MAX_DIGITS) < lengths[:, None]].tobytes()
