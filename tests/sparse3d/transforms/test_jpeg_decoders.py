"""Decoders of JPEG pictures: the same pixels, and what is said where one is missing."""
from __future__ import annotations

import sys
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import BackendUnavailable, ConfigError
from sparse3d.transforms import jpeg_decoders
from sparse3d.transforms.image_files import decode_image


def jpeg(shape=(45, 83, 3)):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return cv2.imencode('.jpg', cv2.GaussianBlur(picture, (5, 5), 2))[1].tobytes()


@pytest.fixture
def stand_in(monkeypatch):
    """What PyTurboJPEG offers, by OpenCV; its calls are noted."""
    calls = []

    class TurboJPEG:
        def decode(self, content, pixel_format, scaling_factor):
            calls.append((pixel_format, scaling_factor))
            if content.count(b'Adobe'):
                raise OSError('cannot')
            flag = cv2.IMREAD_COLOR if scaling_factor is None else cv2.IMREAD_REDUCED_COLOR_2
            return cv2.imdecode(np.frombuffer(content, np.uint8), flag)

    module = ModuleType('turbojpeg')
    module.TurboJPEG = TurboJPEG
    monkeypatch.setitem(sys.modules, 'turbojpeg', module)
    jpeg_decoders._turbo_jpeg.cache_clear()
    yield calls
    jpeg_decoders._turbo_jpeg.cache_clear()


def test_a_picture_goes_to_the_decoder_that_is_wanted(stand_in):
    content = jpeg()
    for reduce, factor in ((1, None), (2, (1, 2))):
        found = decode_image(content, 'a.jpg', reduce, 'turbojpeg')
        assert np.array_equal(found, decode_image(content, 'a.jpg', reduce))
        assert stand_in.pop() == (1, factor)
    png = cv2.imencode('.png', np.zeros((4, 5, 3), np.uint8))[1].tobytes()
    assert decode_image(png, 'a.png', 1, 'turbojpeg').shape == (4, 5, 3) and not stand_in


def test_what_it_cannot_decode_opencv_does(stand_in):
    content = jpeg()
    content = content[:2] + b'\xff\xfe\x00\x07Adobe' + content[2:]    # a comment
    assert decode_image(content, 'a.jpg', 1, 'turbojpeg').shape == (45, 83, 3) and stand_in


@pytest.mark.parametrize('reduce', [1, 2, 4, 8])
@pytest.mark.parametrize('shape', [(45, 83, 3), (64, 96, 3), (33, 41)])
def test_the_library_gives_the_same_pixels(reduce, shape):
    pytest.importorskip('turbojpeg', reason='PyTurboJPEG is an extra (pip install .[turbojpeg])')
    try:
        jpeg_decoders.require_decoder('turbojpeg')
    except BackendUnavailable as error:
        pytest.skip(str(error))
    content = jpeg(shape)
    assert np.array_equal(decode_image(content, 'a.jpg', reduce, 'turbojpeg'),
                          decode_image(content, 'a.jpg', reduce))


def test_missing_decoders_are_refused_at_the_start(monkeypatch):
    load = dict(type='LoadMultiViewImages')
    with pytest.raises(ConfigError, match="one of opencv, turbojpeg, not 'nvjpeg'"):
        TRANSFORMS.build(dict(load, decoder='nvjpeg'))
    monkeypatch.setitem(sys.modules, 'turbojpeg', None)
    jpeg_decoders._turbo_jpeg.cache_clear()
    with pytest.raises(BackendUnavailable, match='needs PyTurboJPEG.*pip install'):
        TRANSFORMS.build(dict(load, decoder='turbojpeg'))
    for error in (RuntimeError('no library'), AttributeError('undefined symbol: tj3Init')):
        without_library = ModuleType('turbojpeg')
        without_library.TurboJPEG = lambda error=error: (_ for _ in ()).throw(error)
        monkeypatch.setitem(sys.modules, 'turbojpeg', without_library)
        with pytest.raises(BackendUnavailable, match='finds no library libturbojpeg; install it'):
            TRANSFORMS.build(dict(load, decoder='turbojpeg'))
