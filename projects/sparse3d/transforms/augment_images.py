"""Transform that resizes, crops, mirrors and turns the images of all cameras and frames."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.image_motion import INTERPOLATIONS, ImageMotion

_PROJECTIONS = ('lidar2img', 'cam2img')  # (N, 3 or 4, 3 or 4), to pixels


@dataclass(frozen=True)
class ResamplingOptions:
    """How the pixels of the new images are computed.

    Attributes:
        interpolation: of resizing: ``'bicubic'`` (published), ``'bilinear'`` (faster).
        published_resize_matrix: write the drawn factor into the matrices, not the ratio of
            sizes that the rounded size gives; up to a pixel off at the image's end.
        published_nearest_turning: turn without interpolation.
    """

    interpolation: str = 'bicubic'
    published_resize_matrix: bool = False
    published_nearest_turning: bool = False

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise ConfigError(f'interpolation is one of {", ".join(INTERPOLATIONS)}, '
                              f'not {self.interpolation!r}')


@TRANSFORMS.register_module()
class AugmentImages(BaseTransform):
    """Bring all images of a sample to one size, at random in training, and keep the matrices exact.

    Changes ``img`` (list of (H, W, 3) uint8), ``lidar2img`` and, if present, ``cam2img`` (of
    all frames, also if only those of the newest have images); sets ``img_shape`` and
    ``pad_shape`` to the new (H, W); adds ``img_aug_matrix`` (N, 4, 4) float64, old pixels to
    new ones, whose inverse undoes. Pixel coordinates are continuous, see
    :mod:`sparse3d.transforms.image_motion`.

    Args:
        size: (height, width) of the images the model sees.
        training: draw at random; else cover ``size`` with the whole width or height, cut
            from the top and evenly from both sides, as published.
        resize: smallest and largest factor.
        bottom_crop: smallest and largest part of the height that is cut off below.
        flip: probability of mirroring.
        angle: smallest and largest angle in radians.
        separately: draw for each view, not once for the sample.
        resampling: how pixels are computed, see :class:`ResamplingOptions`.

    Raises:
        ConfigError: for an empty size, a range upside down, or an unknown interpolation.

    Source: SparseBEV (ICCV 2023), released code; image augmentation of BEVDet
        (arXiv 2112.11790), section 3.2.
    """

    argument_objects = dict(resampling=ResamplingOptions)

    def __init__(
            self,
            size: tuple[int, int],
            training: bool = True,
            resize: tuple[float, float] = (1.0, 1.0),
            bottom_crop: tuple[float, float] = (0.0, 0.0),
            flip: float = 0.0,
            angle: tuple[float, float] = (0.0, 0.0),
            separately: bool = False,
            resampling: dict | ResamplingOptions | None = None,
    ) -> None:
        for name, limits in (('resize', resize), ('bottom_crop', bottom_crop), ('angle', angle)):
            if limits[0] > limits[1]:
                raise ConfigError(f'{name} goes from {limits[0]} to {limits[1]}: '
                                  f'give the smaller number first')
        if min(size) < 1 or resize[0] <= 0:
            raise ConfigError(f'size {tuple(size)} and resize {tuple(resize)} have to be positive')
        self.size, self.training, self.resize = tuple(size), training, resize
        self.bottom_crop, self.flip, self.angle = bottom_crop, flip, angle
        self.separately = separately
        self.resampling = resampling = argument_object(self, 'resampling', resampling)
        self.turning = 'nearest' if resampling.published_nearest_turning else 'bilinear'

    def transform(self, results: dict) -> dict:
        """Augment the images of one sample."""
        images: Sequence[np.ndarray] = results['img']
        drawn: dict = {}
        motions = []
        for view, image in enumerate(images):
            key = (view if self.separately else 0, image.shape[:2])
            if key not in drawn:
                drawn[key] = self._draw(image.shape[:2]) if self.separately or not drawn else \
                    self._like(next(iter(drawn.values())), image.shape[:2])
            motions.append(drawn[key])
        results['img'] = [motion.apply(image, self.resampling.interpolation, self.turning)
                          for image, (motion, _) in zip(images, motions, strict=True)]
        drawn_factors = self.resampling.published_resize_matrix
        move_pixels(results, [motion.matrix(factor if drawn_factors else None)
                              for motion, factor in motions])
        results['img_shape'] = results['pad_shape'] = self.size
        return results

    def _draw(self, original: tuple[int, int]) -> tuple[ImageMotion, float]:
        """A motion and the factor of resizing that was drawn for it."""
        if not self.training:
            factor = max(self.size[0] / original[0], self.size[1] / original[1])
            return self._motion(original, factor, np.mean(self.bottom_crop), 0.5, False, 0.0)
        factor = np.random.uniform(*self.resize)
        cut, place = np.random.uniform(*self.bottom_crop), np.random.rand()
        flip, angle = np.random.rand() < self.flip, np.random.uniform(*self.angle)
        return self._motion(original, factor, cut, place, flip, angle)

    def _motion(self, original: tuple[int, int], factor: float, cut: float, place: float,
                flip: bool, angle: float) -> tuple[ImageMotion, float]:
        # The published code truncates; the small number keeps 704 from becoming 703.
        resized = tuple(max(int(length * factor + 1e-6), 1) for length in original)
        top = int((1 - cut) * resized[0]) - self.size[0]
        left = int(place * max(0, resized[1] - self.size[1]))
        motion = ImageMotion(original, resized, (top, left), self.size, bool(flip), float(angle))
        return motion, factor

    def _like(self, drawn: tuple[ImageMotion, float],
              original: tuple[int, int]) -> tuple[ImageMotion, float]:
        """The same choice for a camera with images of another size."""
        motion, factor = drawn
        room = max(motion.resized[1] - self.size[1], 1)
        cut = 1 - (motion.corner[0] + self.size[0]) / motion.resized[0]
        return self._motion(original, factor * motion.original[1] / original[1], cut,
                            motion.corner[1] / room, motion.flip, motion.angle)


def move_pixels(results: dict, matrices: Sequence[np.ndarray]) -> None:
    """Multiply what projects to pixels with a (3, 3) matrix per view, and record it.

    Raises:
        DataError: if a projection has another number of views.
    """
    motion = np.tile(np.eye(4), (len(matrices), 1, 1))
    for view, matrix in enumerate(matrices):  # pixels are (u d, v d, d, 1)
        motion[view, :3, :3] = matrix
    if len(motion) == results.get('num_views') and 'num_frames' in results:
        motion = np.tile(motion, (results['num_frames'], 1, 1))  # the newest frame's for all
    for key in _PROJECTIONS:
        if key in results:
            before = np.asarray(results[key])
            if len(before) != len(motion):
                raise DataError(f'the sample has {len(motion)} images but {len(before)} '
                                f'matrices in {key}')
            side = before.shape[1]  # cam2img may be (N, 3, 3)
            results[key] = (motion[:, :side, :side] @ before).astype(before.dtype)
    earlier = results.get('img_aug_matrix', np.eye(4))
    results['img_aug_matrix'] = motion @ earlier
