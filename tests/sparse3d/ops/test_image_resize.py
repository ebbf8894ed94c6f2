"""Pictures resized by the compiled kernels beside Pillow: bit by bit."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.ops import image_resize
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.image_resize import FILTERS, passes_of_pillow, resized_part

kernels = pytest.mark.skipif(lack() is not None, reason=f'the compiled backend {lack()}')


def by_pillow(image, size, box, interpolation):
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(
        size[::-1], Image.Resampling[interpolation.upper()], box=box))


def drawn(seed):
    """A picture of extreme values, a size and a box; small ones, tall ones, whole boxes."""
    random = np.random.default_rng(seed)
    shape = random.integers(1, (80, 160)[seed % 2], 2)
    image = random.integers(0, 2, (*shape, 3)).astype(np.uint8) * 255 if seed % 3 else \
        random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    size = tuple(map(int, shape if seed % 7 == 0 else random.integers(1, 100, 2)))
    top, bottom = sorted(random.uniform(0, shape[0], 2))
    left, right = sorted(random.uniform(0, shape[1], 2))
    whole = seed % 4 == 0 or bottom - top < .01 or right - left < .01
    return image, size, (0, 0, *map(int, shape[::-1])) if whole else (left, top, right, bottom)


@kernels
@pytest.mark.parametrize('interpolation', FILTERS)
def test_the_bits_are_those_of_pillow(interpolation):
    for seed in range(120):
        image, size, box = drawn(seed)
        assert np.array_equal(resized_part(image, size, box, interpolation),
                              by_pillow(image, size, box, interpolation)), (seed, size, box)


@kernels
@pytest.mark.parametrize('size', [(256, 704), (256, 653)])
def test_a_camera_picture(size):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (900, 1600, 3)).astype(np.uint8)
    box = (37.5, 344.25, 1530.125, 900.0)
    assert np.array_equal(resized_part(image, size, box, 'bicubic'),
                          by_pillow(image, size, box, 'bicubic'))


@kernels
def test_pictures_that_lie_otherwise_in_memory():
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    for view in (image[:, ::-1], image[::2], image[5:, 7:], image[..., ::-1]):
        box = (0, 0, *view.shape[1::-1])
        assert np.array_equal(resized_part(view, (20, 31), box, 'bicubic'),
                              by_pillow(view, (20, 31), box, 'bicubic'))


@kernels
def test_both_orders_of_the_passes_are_told_apart(monkeypatch):
    assert passes_of_pillow() in ('rows', 'by size')
    image = np.random.default_rng(0).integers(0, 2, (90, 40, 3)).astype(np.uint8) * 255
    orders = [image_resize._resized(image, (20, 38), (0, 0, 40, 90), 'bicubic', columns)
              for columns in (False, True)]
    apart = np.abs(orders[0].astype(int) - orders[1])
    assert apart.any() and np.median(apart) < 3
    monkeypatch.setattr(image_resize, 'passes_of_pillow', lambda: None)  # a Pillow of another kind
    assert resized_part(image, (20, 38), (0, 0, 40, 90), 'bicubic') is None


@pytest.mark.parametrize('image', [
    np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
    np.zeros((0, 4, 3), np.uint8)], ids=['grey', 'four', 'float', 'empty'])
def test_other_pictures_are_left_to_pillow(image):
    assert resized_part(image, (2, 2), (0, 0, 4, 4), 'bicubic') is None


def test_without_kernels_or_for_other_filters_pillow_does_it(monkeypatch):
    image = np.zeros((4, 4, 3), np.uint8)
    assert resized_part(image, (2, 2), (0, 0, 4, 4), 'nearest') is None
    monkeypatch.setattr(image_resize, 'library', lambda: None)
    assert resized_part(image, (2, 2), (0, 0, 4, 4), 'bicubic') is None
