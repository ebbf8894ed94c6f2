"""Augmentation that is drawn once for a sequence, so that what is cached still fits."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.structures.scene_motion import SceneMotion
from sparse3d.transforms.augment_images import ResamplingOptions, move_pixels
from sparse3d.transforms.augment_scene import move_sample
from sparse3d.transforms.image_motion import ImageMotion

KEY = 'sequence_augmentation'  # of a sample


class SequenceAugmentation(NamedTuple):
    """What is done to all frames of a sequence.

    Attributes:
        resize: factor of the images of ``original_size``.
        resized: (height, width) after resizing.
        corner: (top, left) of the crop.
        flip: images are mirrored.
        angle: images are turned by, radians, counter-clockwise.
        scene_angle: the scene is turned by, radians, counter-clockwise about z.
    """

    resize: float
    resized: tuple[int, int]
    corner: tuple[int, int]
    flip: bool
    angle: float
    scene_angle: float


@TRANSFORMS.register_module()
class AugmentSequenceImages(BaseTransform):
    """Resize, crop, mirror and turn the images of a sample as those of its whole sequence.

    What is done comes with the sample where a :class:`~sparse4d.sequence_sampler.SequenceSampler`
    drew it; else it is drawn for the sample alone. :class:`TurnScene`, further down the pipeline,
    turns the scene as was drawn here. Pixels and matrices are moved as by
    :class:`~sparse3d.transforms.augment_images.AugmentImages`.

    Args:
        size: (height, width) of the images the model sees.
        original_size: (height, width) that the factors are meant for; images of other sizes are
            brought to the same width.
        resize: smallest and largest factor.
        bottom_crop: smallest and largest part of the height that is cut off below.
        flip: mirror half of the sequences.
        angle: smallest and largest angle of the images, radians.
        scene_angle: smallest and largest angle of the scene, radians.
        resampling: how pixels are computed, see
            :class:`~sparse3d.transforms.augment_images.ResamplingOptions`.

    Raises:
        ConfigError: for a size that is not positive, or a range upside down.

    Source: Sparse4D (arXiv 2211.10581), released code; image augmentation of BEVDet.
    """

    argument_objects = dict(resampling=ResamplingOptions)

    def __init__(self, size: tuple[int, int], original_size: tuple[int, int] = (900, 1600),
                 resize: tuple[float, float] = (0.40, 0.47),
                 bottom_crop: tuple[float, float] = (0.0, 0.0), flip: bool = True,
                 angle: tuple[float, float] = (-0.09424778, 0.09424778),
                 scene_angle: tuple[float, float] = (-0.3925, 0.3925),
                 resampling: dict | ResamplingOptions | None = None) -> None:
        for name, limits in (('resize', resize), ('bottom_crop', bottom_crop), ('angle', angle),
                             ('scene_angle', scene_angle)):
            if limits[0] > limits[1]:
                raise ConfigError(f'{name} goes from {limits[0]} to {limits[1]}: '
                                  f'give the smaller number first')
        if min(*size, *original_size) < 1 or resize[0] <= 0:
            raise ConfigError(f'size {tuple(size)}, original_size {tuple(original_size)} and '
                              f'resize {tuple(resize)} have to be positive')
        self.size, self.original_size, self.resize = tuple(size), tuple(original_size), resize
        self.bottom_crop, self.flip, self.angle = bottom_crop, flip, angle
        self.scene_angle = scene_angle
        self.resampling = argument_object(self, 'resampling', resampling)

    def draw_for_sequence(self, random: Any = np.random) -> SequenceAugmentation:
        """A random augmentation, in the published order of draws.

        Args:
            random: ``numpy.random`` or a ``RandomState``.
        """
        factor = random.uniform(*self.resize)
        # The published code truncates; the small number keeps 704 from becoming 703.
        resized = tuple(int(length * factor + 1e-6) for length in self.original_size)
        top = int((1 - random.uniform(*self.bottom_crop)) * resized[0]) - self.size[0]
        left = int(random.uniform(0, max(0, resized[1] - self.size[1])))
        flip = bool(self.flip and random.choice([0, 1]))
        angle = float(random.uniform(*self.angle))
        return SequenceAugmentation(float(factor), resized, (top, left), flip, angle,
                                    float(random.uniform(*self.scene_angle)))

    def transform(self, results: dict) -> dict:
        """Augment the images of one sample."""
        drawn = results.setdefault(KEY, None) or self.draw_for_sequence()
        results[KEY] = drawn
        motions = [self._motion(drawn, image.shape[:2]) for image in results['img']]
        turning = 'nearest' if self.resampling.published_nearest_turning else 'bilinear'
        results['img'] = [motion.apply(image, self.resampling.interpolation, turning)
                          for image, motion in zip(results['img'], motions, strict=True)]
        as_drawn = self.resampling.published_resize_matrix
        move_pixels(results, [
            motion.matrix(drawn.resize * self.original_size[1] / motion.original[1]
                          if as_drawn else None) for motion in motions])
        results['img_shape'] = results['pad_shape'] = self.size
        return results

    def _motion(self, drawn: SequenceAugmentation, original: Sequence[int]) -> ImageMotion:
        original = (int(original[0]), int(original[1]))
        resized, corner = drawn.resized, drawn.corner
        if original != self.original_size:
            height = max(int(original[0] * resized[1] / original[1] + 1e-6), 1)
            corner = (corner[0] + height - resized[0], corner[1])  # cut from below
            resized = (height, resized[1])
        return ImageMotion(original, resized, corner, self.size, drawn.flip, drawn.angle)


@TRANSFORMS.register_module()
class TurnScene(BaseTransform):
    """Turn a sample as a whole by the angle that was drawn for its sequence.

    Moves what :func:`~sparse3d.transforms.augment_scene.move_sample` moves, and ``lidar2global``,
    which still takes the turned LiDAR frame to the world.
    """

    def transform(self, results: dict) -> dict:
        """Turn one sample."""
        if KEY not in results:
            raise ConfigError('TurnScene turns by what AugmentSequenceImages drew: put that '
                              'transform before it')
        motion = SceneMotion((('rotate', results[KEY].scene_angle),))
        if 'lidar2global' in results:
            results['lidar2global'] = np.asarray(results['lidar2global'], np.float64) \
                @ np.linalg.inv(motion.matrix)
        return move_sample(results, motion)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
