"""Images fitted whole into one size, in training scaled a little and mirrored with the scene."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError
from sparse3d.transforms.augment_images import move_pixels

MEAN_BGR = (103.53, 116.28, 123.675)  # fills what has no picture; zero after normalization


@TRANSFORMS.register_module()
class FitViews(BaseTransform):
    """Fit every image into a size without cutting, in training with a scale of its own.

    In training each view is scaled about its upper left corner: an enlarged one is cut at
    random to its former size, a shrunken one filled up with the mean color. All views are
    mirrored if the scene was (put this behind ``AugmentScene``).

    Changes ``img``, ``lidar2img``, ``cam2img``; sets ``img_shape``; in training adds
    ``valid_shape`` (N, 2), width and height in pixels of the part with a picture. Padding to
    a multiple of 32 is left to the data preprocessor, which fills with zeros.

    Args:
        size: height and width that the images have to fit into.
        scale: smallest and largest factor in training; None in testing.

    Raises:
        ConfigError: for an empty size or scales upside down.

    Source: SparseFusion (ICCV 2023), released code.
    """

    def __init__(self, size: tuple[int, int], scale: tuple[float, float] | None = None) -> None:
        if min(size) < 1 or (scale is not None and not 0 < scale[0] <= scale[1]):
            raise ConfigError(f'size {tuple(size)} has to be positive and scale {scale} a '
                              'smaller and a larger factor')
        self.size, self.scale = tuple(size), scale

    def transform(self, results: dict) -> dict:
        """Fit the images of one sample."""
        images = results['img']
        shape = images[0].shape[:2]
        factor = min(self.size[0] / shape[0], self.size[1] / shape[1])
        fitted = tuple(int(side * factor + 0.5) for side in shape)  # height, width
        mirrored = self.scale is not None and np.linalg.det(
            np.asarray(results.get('lidar_aug_matrix', np.eye(4)))[:3, :3]) < 0
        moves = [self._draw(shape) for _ in images]
        matrices = [fit_matrix(shape, fitted, scale, corner, mirrored) for scale, corner in moves]
        results['img'] = [warped(image, matrix, fitted)
                          for image, matrix in zip(images, matrices, strict=True)]
        move_pixels(results, matrices)
        results['img_shape'] = results['pad_shape'] = fitted
        if self.scale is not None:
            results['valid_shape'] = np.array(
                [np.array(fitted[::-1]) * min(1.0, scale) for scale, _ in moves])
        return results

    def _draw(self, shape: Sequence[int]) -> tuple[float, tuple[float, float]]:
        """Scale, and where the picture's corner goes (x, y; not positive), in its own pixels."""
        if self.scale is None:
            return 1.0, (0.0, 0.0)
        scale, chances = float(np.random.uniform(*self.scale)), np.random.rand(2)
        room = np.minimum(0.0, (1 - scale) * np.array(shape[::-1]))
        return scale, tuple((chances * room).tolist())


def fit_matrix(shape: Sequence[int], fitted: Sequence[int], scale: float,
               corner: Sequence[float], mirrored: bool) -> np.ndarray:
    """(3, 3) old to new pixels: mirror, scale, shift, then fit.

    Args:
        shape: height and width before.
        fitted: height and width after.
        scale: of the picture about its upper left corner.
        corner: x, y of that corner afterwards, in pixels of before.
    """
    matrix = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    matrix[0, 2] = shape[1] if mirrored else 0.0
    matrix = np.diag([scale, scale, 1.0]) @ matrix
    matrix[:2, 2] += corner
    return np.diag([fitted[1] / shape[1], fitted[0] / shape[0], 1.0]) @ matrix


def warped(image: np.ndarray, matrix: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The image under a matrix of continuous pixel coordinates, bilinear, filled with the mean."""
    centered = matrix[:2].copy()  # OpenCV counts from the middle of the first pixel
    centered[:, 2] += matrix[:2, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(image, centered, (size[1], size[0]), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_CONSTANT, borderValue=MEAN_BGR)
