"""Resizing, cropping, mirroring and turning of one image, as pixels and as a matrix.

Pixel coordinates are continuous: the pixel in row i, column j covers [j, j+1) x [i, i+1),
so that resizing is a multiplication and a mirror takes u to width - u.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from sparse3d.ops.image_resize import resized_part

INTERPOLATIONS = dict(bicubic=Image.Resampling.BICUBIC, bilinear=Image.Resampling.BILINEAR,
                      nearest=Image.Resampling.NEAREST)


@dataclass(frozen=True)
class ImageMotion:
    """What happens to an image: resize, then crop, then mirror, then turn.

    Args:
        original: (height, width) before.
        resized: (height, width) after resizing, before cropping.
        corner: (top, left) of the crop in the resized image; may be negative.
        size: (height, width) of the crop; what lies outside the image is filled.
        flip: mirror left and right.
        angle: radians, counter-clockwise as seen, about the middle of the crop.
    """
    original: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    size: tuple[int, int] | None = None
    flip: bool = False
    angle: float = 0.0

    @property
    def output_size(self) -> tuple[int, int]:
        """(height, width) after."""
        return self.resized if self.size is None else self.size

    def matrix(self, factor: float | None = None) -> np.ndarray:
        """(3, 3) float64: continuous pixel coordinates (u, v, 1) of before to those of after.

        Args:
            factor: in place of the true ratios of resizing along x and y, which differ from
                a common factor by the rounding of the resized size.
        """
        ratios = (self.resized[1] / self.original[1], self.resized[0] / self.original[0])
        matrix = np.diag((*ratios, 1.0) if factor is None else (factor, factor, 1.0))
        matrix[:2, 2] = -self.corner[1], -self.corner[0]
        height, width = self.output_size
        if self.flip:
            matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
        if self.angle:
            cos, sin = math.cos(self.angle), math.sin(self.angle)
            x, y = width / 2, height / 2
            matrix = np.array([[cos, sin, x - cos * x - sin * y],
                               [-sin, cos, y + sin * x - cos * y], [0, 0, 1]]) @ matrix
        return matrix

    def apply(self, image: np.ndarray, interpolation: str = 'bicubic',
              turning: str = 'bilinear', fill: int = 0) -> np.ndarray:
        """The image (H, W, 3) uint8 after all steps, (H', W', 3) uint8.

        Only the part that remains is resized; the filter widens when shrinking, so that
        nothing is aliased.

        Args:
            interpolation: of resizing, a key of ``INTERPOLATIONS``.
            turning: of turning, likewise.
            fill: value outside the image.
        """
        result = self._resized_crop(image, interpolation, fill)
        if self.flip:
            result = np.ascontiguousarray(cv2.flip(result, 1)).reshape(result.shape)
        if self.angle:
            turned = Image.fromarray(np.ascontiguousarray(result)).rotate(
                math.degrees(self.angle), resample=INTERPOLATIONS[turning],
                fillcolor=(fill,) * result.shape[2])
            result = np.asarray(turned)
        return result

    def _resized_crop(self, image: np.ndarray, interpolation: str, fill: int) -> np.ndarray:
        (top, left), (height, width) = self.corner, self.output_size
        first = max(top, 0), max(left, 0)
        last = min(top + height, self.resized[0]), min(left + width, self.resized[1])
        if last[0] <= first[0] or last[1] <= first[1]:  # nothing of the image remains
            return np.full((height, width, image.shape[2]), fill, dtype=image.dtype)
        part = self._part(image, first, last, interpolation)
        if part.shape[:2] == (height, width):
            return part
        canvas = np.full((height, width, image.shape[2]), fill, dtype=image.dtype)
        row, column = first[0] - top, first[1] - left
        canvas[row:row + part.shape[0], column:column + part.shape[1]] = part
        return canvas

    def _part(self, image: np.ndarray, first: tuple[int, int], last: tuple[int, int],
              interpolation: str) -> np.ndarray:
        if self.resized == self.original:
            return image[first[0]:last[0], first[1]:last[1]]
        y, x = (old / new for old, new in zip(self.original, self.resized, strict=True))
        box = (first[1] * x, first[0] * y, min(last[1] * x, self.original[1]),
               min(last[0] * y, self.original[0]))
        size = last[0] - first[0], last[1] - first[1]
        part = resized_part(image, size, box, interpolation)
        return part if part is not None else np.asarray(Image.fromarray(image).resize(
            size[::-1], INTERPOLATIONS[interpolation], box=box))
