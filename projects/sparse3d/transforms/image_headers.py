"""What the headers of PNG and JPEG files declare, compared with their bytes before decoding.

A decoder makes room for whatever size a header declares: gigabytes for a damaged file of a
kilobyte, filled with grey. OpenCV also makes room for whatever length a chunk of a PNG claims.

Source: the PNG specification (third edition), sections 5 and 11; ITU-T T.81 (JPEG), annex B.
"""
from __future__ import annotations

import struct
import zlib

_DEFLATE_RATIO = 1032   # bytes that one byte of a deflate stream can give
_PIXELS_PER_BYTE = 512  # of a JPEG: eight blocks of 8 x 8, a bit each at least
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG by its type of color
_SIGNATURE = 8
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that declare a size
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})               # JPEG markers without a length


def png_fault(content: bytes) -> str | None:
    """What is wrong with the chunks of a PNG; the end of a sentence, or None.

    Args:
        content: the whole file.
    """
    place, data, header = _SIGNATURE, 0, b''
    while place + 12 <= len(content):
        length, kind = struct.unpack_from('>I4s', content, place)
        if length > len(content) - place - 12:
            break
        if place == _SIGNATURE:
            header = content[place + 8:place + 8 + length]
            stored, = struct.unpack_from('>I', content, place + 8 + length)
            if kind != b'IHDR' or length != 13 or zlib.crc32(kind + header) != stored:
                return 'is damaged: its header or the checksum of that is wrong'
        if kind == b'IDAT':
            data += length
        if kind == b'IEND':
            return _png_size_fault(header, data)
        place += 12 + length
    return 'is damaged: a part of it is longer than the file'


def jpeg_fault(content: bytes) -> str | None:
    """Whether a JPEG declares more pixels than its bytes can hold; as :func:`png_fault`."""
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return 'is damaged: its header has no marker where one should be'
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _ALONE:
            place += 2
            continue
        length, = struct.unpack_from('>H', content, place + 2)
        if marker in _FRAMES and place + 9 <= len(content):
            height, width = struct.unpack_from('>HH', content, place + 5)
            if not height or not width or height * width > _PIXELS_PER_BYTE * len(content):
                return _too_large(width, height, len(content))
            return None
        if marker == 0xDA or length < 2:
            break
        place += 2 + length
    return 'is damaged: its header declares no size'


def _png_size_fault(header: bytes, data: int) -> str | None:
    width, height, depth, color = struct.unpack_from('>IIBB', header)
    row = -(-width * depth * _CHANNELS.get(color, 1) // 8) + 1
    if not width or not height or row * height > _DEFLATE_RATIO * data:
        return _too_large(width, height, data)
    return None


def _too_large(width: int, height: int, size: int) -> str:
    return (f'is damaged: its header declares {width} x {height} pixels, which {size:,} bytes '
            f'cannot hold')
