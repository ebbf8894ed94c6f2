"""Encoded pictures: decoded as they are stored, and what is wrong with a file, found cheaply.

Calibrations belong to the pixels as they are stored, so an orientation in the EXIF header turns
nothing. A decoder fills up a JPEG that was cut short with grey and says nothing; its end is
looked for here.
"""
from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.remote_paths import is_remote
from sparse3d.transforms.image_headers import jpeg_fault, png_fault
from sparse3d.transforms.jpeg_decoders import decode_jpeg
from sparse3d.transforms.point_files import read_bytes

_STORED = cv2.IMREAD_IGNORE_ORIENTATION
REDUCED = {1: cv2.IMREAD_COLOR | _STORED, 2: cv2.IMREAD_REDUCED_COLOR_2 | _STORED,
           4: cv2.IMREAD_REDUCED_COLOR_4 | _STORED, 8: cv2.IMREAD_REDUCED_COLOR_8 | _STORED}
_JPEG, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_PNG, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'
_PNG_ANIMATED, _PNG_DATA, _GIF = b'acTL', b'IDAT', b'GIF8'
_PNG_DEPTH = 24          # place of the bits per channel
_HEAD, _TAIL = 4096, 4096  # bytes that are read to judge a file


def decode_image(content: bytes, path: str | os.PathLike, reduce: int = 1,
                 decoder: str = 'opencv') -> np.ndarray:
    """An encoded picture as (H, W, 3) uint8 BGR, pixels as they are stored.

    Args:
        content: of the file.
        path: for messages.
        reduce: 1, 2, 4 or 8: so many times smaller.
        decoder: of a JPEG, see :mod:`sparse3d.transforms.jpeg_decoders`.

    Raises:
        DataError: if it is empty, cut short, has more than 8 bits per channel or cannot be
            decoded.
    """
    fault = image_fault(content) or _size_fault(content)
    image = None
    if fault is None:
        image = decode_jpeg(content, reduce) if decoder == 'turbojpeg' \
            and content.startswith(_JPEG) else None
        if image is None:
            image = _decoded(content, REDUCED[reduce])
        fault = 'is damaged' if image is None else None
    if fault is not None:
        again = '; fetch or make it again' if fault.startswith(('is damaged', 'is empty')) else ''
        raise DataError(f'the picture {path} {fault}{again}')
    return image


def read_stored_image(path: str | os.PathLike) -> np.ndarray:
    """A picture file as (H, W, 3) uint8 RGB, as a model sees it; for drawing.

    Raises:
        DataError: see :func:`decode_image`; also if the file is absent.
    """
    return np.ascontiguousarray(decode_image(read_bytes(path), path)[..., ::-1])


def image_fault(content: bytes) -> str | None:
    """What is wrong with an encoded picture as far as its frame tells, without decoding it.

    Returns:
        The end of a sentence that begins with the file's name, or None.
    """
    if not content:
        return 'is empty (0 bytes)'
    if content.startswith(_JPEG):
        # A thumbnail in the header has an end of its own, before the picture's data begin.
        ends = content.rfind(_JPEG_END) > content.rfind(_JPEG_SCAN) > 0
        return None if ends else 'is damaged: it was cut short, the end of the JPEG is missing'
    if content.startswith(_GIF):
        return 'is a GIF, which is not read; save it as PNG or JPEG'
    if content.startswith(_PNG):
        if 0 < content.find(_PNG_ANIMATED, 0, _TAIL) < content.find(_PNG_DATA, 0, _TAIL):
            return 'is animated; save each of its pictures as a file of its own'
        if content[_PNG_DEPTH:_PNG_DEPTH + 1] == b'\x10':
            return ('has 16 bits per channel; pictures have 8: scale it to 0-255 as it was for '
                    'the training')
        return None if _PNG_END in content[-_TAIL:] else \
            'is damaged: it was cut short, the end of the PNG is missing'
    return None


def image_file_fault(path: str | os.PathLike, decode_others: bool = False) -> str | None:
    """:func:`image_fault` of a file, of which the ends alone are read where they tell enough.

    Args:
        path: of the file.
        decode_others: decode what is neither PNG nor JPEG: a web page saved as .jpg, say.

    Raises:
        DataError: if it does not exist or cannot be read.
    """
    if is_remote(path):
        return image_fault(read_bytes(path))
    try:
        with open(path, 'rb', buffering=0) as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(_HEAD)
            file.seek(max(size - _TAIL, 0))
            tail = file.read(_TAIL)
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error
    if head.startswith(_JPEG) and size > _TAIL and _JPEG_END in tail:
        return None
    if head.startswith(_PNG):
        return image_fault(head + tail if size > _HEAD else head)
    content = read_bytes(path)
    fault = image_fault(content)
    if fault is None and decode_others and not content.startswith(_JPEG):
        return _depth_fault(content)
    return fault


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width of a picture file as stored.

    Raises:
        DataError: see :func:`decode_image`.
    """
    return decode_image(read_bytes(Path(path)), path).shape[:2]


def _size_fault(content: bytes) -> str | None:
    """What its header alone tells before room is made for the pixels."""
    if content.startswith(_JPEG):
        return jpeg_fault(content)
    return png_fault(content) if content.startswith(_PNG) else _depth_fault(content)


def _decoded(content: bytes, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except (cv2.error, MemoryError):  # a size beyond OpenCV's own limits
        return None


def _depth_fault(content: bytes) -> str | None:
    """Other formats (TIFF, PGM, ...) are decoded as they are to see how deep they are."""
    image = _decoded(content, cv2.IMREAD_UNCHANGED)
    if image is None:
        return 'is damaged or no picture'
    if image.dtype != np.uint8:
        return (f'has numbers of {image.dtype}; pictures have 8 bits per channel: scale it to '
                f'0-255 as it was for the training')
    pages = _pages(content)
    if pages > 1:
        return f'holds {pages} pictures (pages, or an animation); save each as a file of its own'
    return None


def _pages(content: bytes) -> int:
    """How many pictures a TIFF or WebP file holds; its pixels are not decoded."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return getattr(image, 'n_frames', 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1  # what OpenCV decodes and Pillow does not know has one
