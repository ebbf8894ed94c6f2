"""Headers of pictures against their bytes; what encoders write is never refused."""
from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.image_headers import jpeg_fault, png_fault


def pictures():
    flat = np.zeros((900, 1600, 3), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    return [flat, flat[..., 0], noise, noise[:1, :1], noise[..., 0]]


@pytest.mark.parametrize('picture', pictures(), ids=lambda picture: str(picture.shape))
@pytest.mark.parametrize('options', [
    [], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_QUALITY, 1],
    [cv2.IMWRITE_JPEG_RST_INTERVAL, 3], [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x411111]])
def test_every_jpeg_of_an_encoder_passes(picture, options):
    content = cv2.imencode('.jpg', picture, options)[1].tobytes()
    assert jpeg_fault(content) is None
    assert decode_image(content, 'a.jpg').shape[:2] == picture.shape[:2]


@pytest.mark.parametrize('picture', pictures(), ids=lambda picture: str(picture.shape))
@pytest.mark.parametrize('options', [[], [cv2.IMWRITE_PNG_COMPRESSION, 9],
                                     [cv2.IMWRITE_PNG_BILEVEL, 1]])
def test_every_png_of_an_encoder_passes(picture, options):
    if cv2.IMWRITE_PNG_BILEVEL in options and picture.ndim == 3:
        picture = picture[..., 0]
    content = cv2.imencode('.png', picture, options)[1].tobytes()
    assert png_fault(content) is None
    assert decode_image(content, 'a.png').shape[:2] == picture.shape[:2]


def test_a_thumbnail_in_the_header_is_not_the_picture():
    picture = cv2.imencode('.jpg', np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    inner = b'Exif\0\0' + picture
    content = picture[:2] + b'\xff\xe1' + struct.pack('>H', len(inner) + 2) + inner + picture[2:]
    assert jpeg_fault(content) is None


def test_more_pixels_than_bytes_can_hold():
    jpeg = cv2.imencode('.jpg', np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    place = jpeg.index(struct.pack('>HH', 40, 60))
    wide = jpeg[:place] + struct.pack('>HH', 65500, 16000) + jpeg[place + 4:]
    with pytest.raises(DataError, match=r'a.jpg is damaged: its header declares 16000 x 65500 '):
        decode_image(wide, 'a.jpg')
    png = cv2.imencode('.png', np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    header = b'IHDR' + struct.pack('>II', 30000, 20000) + png[24:29]
    wide = png[:12] + header + struct.pack('>I', zlib.crc32(header)) + png[33:]
    with pytest.raises(DataError, match=r'a.png is damaged: its header declares 30000 x 20000 '):
        decode_image(wide, 'a.png')


def test_a_part_of_a_png_longer_than_the_file():
    png = cv2.imencode('.png', np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    place = png.index(b'IDAT') - 4
    longer = png[:place] + struct.pack('>I', 1 << 30) + png[place + 4:]
    with pytest.raises(DataError, match='a part of it is longer than the file'):
        decode_image(longer, 'a.png')
