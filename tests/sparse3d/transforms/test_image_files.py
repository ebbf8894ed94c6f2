"""Pictures as they are stored; what is wrong with a file, from its ends."""
from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.transforms.image_files import (
    decode_image,
    image_fault,
    image_file_fault,
    image_size,
    read_stored_image,
)


def pixels() -> np.ndarray:
    """RGB, left half red, 96 wide, 64 high."""
    image = np.random.default_rng(0).integers(0, 60, (64, 96, 3)).astype(np.uint8)
    image[:, :48, 0] = 250
    return image


def encoded(kind: str, image: np.ndarray | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels() if image is None else image).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('reduce', [1, 2, 4, 8])
def test_an_orientation_in_the_header_turns_nothing(orientation, reduce, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded('JPEG', exif=exif, quality=95)
    image = decode_image(content, 'a.jpg', reduce)
    assert image.shape == (64 // reduce, 96 // reduce, 3)
    left, right = image[:, :image.shape[1] // 4], image[:, -image.shape[1] // 4:]
    assert left[..., 2].mean() > 200 and right[..., 2].mean() < 90
    (tmp_path / 'a.jpg').write_bytes(content)
    drawn = read_stored_image(tmp_path / 'a.jpg')
    assert drawn[:, :24, 0].mean() > 200 and image_size(tmp_path / 'a.jpg') == (64, 96)


@pytest.mark.parametrize('ending', ['.png', '.tiff', '.pgm'])
def test_pictures_of_sixteen_bits_are_refused(ending, tmp_path):
    path = tmp_path / f'twelve{ending}'
    cv2.imwrite(str(path), np.tile(np.linspace(0, 4095, 96).astype(np.uint16), (64, 1)))
    with pytest.raises(DataError, match=f'twelve{ending} has .*(16 bits|uint16).*8.*scale it'):
        decode_image(path.read_bytes(), str(path))
    if ending == '.png':
        assert '16 bits' in image_file_fault(path)


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA'])
def test_other_pictures_of_eight_bits_are_taken(mode, tmp_path):
    path = tmp_path / 'a.png'
    Image.fromarray(pixels()).convert(mode).save(path)
    assert decode_image(path.read_bytes(), 'a.png').shape == (64, 96, 3)
    assert image_file_fault(path) is None


@pytest.mark.parametrize(('kind', 'options'), [
    ('JPEG', dict(quality=95)), ('JPEG', dict(progressive=True)), ('PNG', {})])
def test_every_cut_is_found_with_and_without_decoding(kind, options, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    content, path = encoded(kind, noise, **options), tmp_path / 'cut'
    path.write_bytes(content)
    assert image_file_fault(path) is None and len(content) > 5000  # more than the ends read
    for length in {0, 1, 2, 3, *range(8, len(content), 97), len(content) - 1}:
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match='empty|damaged'):
            decode_image(content[:length], 'cut')
        if length > 8:
            assert 'cut short' in image_file_fault(path), length
    path.write_bytes(b'')
    assert 'empty (0 bytes)' in image_file_fault(path)


def test_the_end_of_a_thumbnail_is_not_that_of_the_picture(tmp_path):
    thumbnail = encoded('JPEG', quality=20)
    whole = encoded('JPEG', quality=95)
    header = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    content = whole[:2] + header + whole[2:]
    assert image_fault(content) is None and image_fault(content + bytes(200)) is None
    assert 'cut short' in image_fault(content[:-300])
    path = tmp_path / 'a.jpg'
    path.write_bytes(content[:len(header) + 900])
    assert 'cut short' in image_file_fault(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r'a\.jpg cannot be read'):
        image_file_fault(tmp_path / 'a.jpg')


@pytest.mark.parametrize(('kind', 'message'), [
    ('GIF', 'is a GIF, which is not read; save it as PNG or JPEG'),
    ('PNG', 'is animated; save each'), ('WEBP', 'holds 2 pictures'), ('TIFF', 'holds 2 pictures')])
def test_several_pictures_in_one_file_are_refused(kind, message, tmp_path):
    more = Image.fromarray(pixels()[:, ::-1].copy())
    content = encoded(kind, save_all=True, append_images=[more])
    (tmp_path / 'a.png').write_bytes(content)
    assert message in image_file_fault(tmp_path / 'a.png', True)
    with pytest.raises(DataError, match=message) as refused:
        decode_image(content, 'a.png')
    assert 'fetch or make it again' not in str(refused.value)


@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'TIFF', 'BMP', 'PPM', 'JPEG'])
def test_one_picture_of_any_format_passes(kind, tmp_path):
    (tmp_path / 'a.png').write_bytes(encoded(kind))
    assert image_file_fault(tmp_path / 'a.png', True) is None
    assert decode_image(encoded(kind), 'a.png').shape == (64, 96, 3)


@pytest.mark.parametrize('content', [b'<html>404 not found</html>' * 300,
                                     b'version https://git-lfs.github.com/spec/v1\nsize 1\n'])
def test_a_file_that_is_no_picture_is_found_before_a_training_meets_it(content, tmp_path):
    (tmp_path / 'a.jpg').write_bytes(content)
    assert image_file_fault(tmp_path / 'a.jpg', True) == 'is damaged or no picture'
