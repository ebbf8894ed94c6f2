"""Pictures resized as Pillow does it, to the bit, by the compiled kernels: several times as fast.

Source: the filters and the fixed-point arithmetic of Pillow's ``Image.resize`` with a box; bicubic
    with a = -0.5 (Keys, "Cubic convolution interpolation", 1981), widened when shrinking.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from sparse3d.ops.compiled_kernels import call_for_result, library

_BITS = 22          # of a weight behind the point
_CHANNELS = 3
Array = np.ndarray


def _bicubic(distance: Array) -> Array:
    x, a = np.abs(distance), -0.5
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _bilinear(distance: Array) -> Array:
    return np.maximum(1.0 - np.abs(distance), 0.0)


# Name -> the filter and how far it reaches, in pixels of the smaller picture.
FILTERS: dict[str, tuple[Callable[[Array], Array], float]] = {
    'bicubic': (_bicubic, 2.0), 'bilinear': (_bilinear, 1.0)}


def resized_part(
        image: Array,                               # [H, W, 3] uint8
        size: tuple[int, int],                      # height, width
        box: tuple[float, float, float, float],     # left, top, right, bottom in the picture
        interpolation: str,
) -> Array | None:                                  # [height, width, 3] uint8
    """The part of a picture in a box, resized; what Pillow gives, bit by bit.

    None where this cannot be done: without kernels, for other types, filters or channels.
    """
    if interpolation not in FILTERS or image.dtype != np.uint8 or image.ndim != 3 \
            or image.shape[2] != _CHANNELS or 0 in (*image.shape, *size) or library() is None:
        return None
    order = passes_of_pillow()
    if order is None:
        return None
    return _resized(image, size, box, interpolation,
                    order == 'by size' and _columns_first(image.shape, size))


@lru_cache(maxsize=1)
def passes_of_pillow() -> str | None:
    """In which order the Pillow that is installed resizes: ``'rows'`` first, as it always did, or
    ``'by size'`` of the pictures (13.0); None if it gives neither."""
    picture = np.random.default_rng(0).integers(0, 2, (40, 12, _CHANNELS)).astype(np.uint8) * 255
    size, box = (9, 11), (0.5, 1.25, 11.5, 38.0)
    order = {'rows': False, 'by size': True}  # columns first, as the height shrinks far more
    for name in FILTERS:
        wanted = np.asarray(Image.fromarray(picture).resize(
            size[::-1], Image.Resampling[name.upper()], box=box))
        order = {kind: columns for kind, columns in order.items() if np.array_equal(
            wanted, _resized(picture, size, box, name, columns))}
    return next(iter(order), None)


def _columns_first(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    lower, narrower = shape[0] - size[0], shape[1] - size[1]
    return lower > 0 and lower > 2 * narrower


def _resized(image: Array, size: tuple[int, int], box: tuple[float, float, float, float],
             interpolation: str, columns_first: bool) -> Array:
    if image.strides[1:] != (_CHANNELS, 1) or image.strides[0] < _CHANNELS * image.shape[1]:
        image = np.ascontiguousarray(image)
    left, top, right, bottom = box
    across = weights_of(image.shape[1], left, right, size[1], interpolation)
    down = weights_of(image.shape[0], top, bottom, size[0], interpolation)
    out = np.empty((*size, _CHANNELS), np.uint8)
    axes = (*map(_pointer, across), *across[2].shape, *map(_pointer, down), *down[2].shape)
    if call_for_result('sparse3d_image_resize', _pointer(image), *image.shape[:2],
                       image.strides[0], *axes, int(columns_first), _pointer(out)):
        raise MemoryError('no memory is left to resize a picture')
    return out


@lru_cache(maxsize=64)
def weights_of(length: int, low: float, high: float, outputs: int,
               interpolation: str) -> tuple[Array, Array, Array]:
    """Of which pixels along an axis each new pixel is made.

    Args:
        length: of the axis.
        low, high: where the part begins and ends.
        outputs: how many new pixels it gets.
        interpolation: key of :data:`FILTERS`.

    Returns:
        First pixel (outputs,), how many (outputs,), weights (outputs, taps), 0 behind them,
        times 2^22; int32.
    """
    function, reach = FILTERS[interpolation]
    begin, end = np.float32(low), np.float32(high)  # Pillow's box, and its difference
    low, scale = float(begin), float(end - begin) / outputs
    wide = max(scale, 1.0)
    support = reach * wide
    taps = int(np.ceil(support)) * 2 + 1
    center = low + (np.arange(outputs) + 0.5) * scale
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    count = np.minimum((center + support + 0.5).astype(np.int64), length) - first
    place = np.arange(taps)
    weights = function((place + first[:, None] - center[:, None] + 0.5) * (1.0 / wide))
    weights[place >= count[:, None]] = 0.0
    total = np.zeros(outputs)
    for tap in range(taps):     # in this order, as rounding depends on it
        total += weights[:, tap]
    weights = np.divide(weights, total[:, None], out=weights, where=total[:, None] != 0)
    fixed = np.trunc(weights * (1 << _BITS) + np.where(weights < 0, -0.5, 0.5))
    return first.astype(np.int32), count.astype(np.int32), fixed.astype(np.int32)


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
