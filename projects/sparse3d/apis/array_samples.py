"""A user's own arrays brought into the sample that a config's test pipeline would have loaded."""
from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import LoadAnnotations
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import Box3DMode, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.logging import print_log

from sparse3d.apis.given_calibration import camera_matrices, refuse_odd_calibration
from sparse3d.apis.ground_shift import shifted_calibration
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.column_count import likely_columns
from sparse3d.transforms.given_arrays import (
    EarlierSweeps,
    TakesImages,
    TakesPoints,
    taking_arrays,
)
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.load_xyz import read_xyz, refuse_transposed
from sparse3d.transforms.named_columns import AXES, points_of_columns
from sparse3d.transforms.point_files import read_bytes

Image = np.ndarray | str | PathLike
_numbers = itertools.count()


class ArraySamples:
    """Makes samples of points and images without any data set.

    The config's test pipeline runs as it does in a test. Its loading transforms find points and
    images in the sample and take them (:mod:`sparse3d.transforms.given_arrays`); those that load
    annotations are left out.

    Args:
        config: with a ``test_dataloader``.
        intensity_scale: what intensities are multiplied with to be in the units of the training.
        ground_shift: what is added to z in meters, see :mod:`sparse3d.apis.ground_shift`.

    Attributes:
        columns: numbers that the model wants of a point; 0 for a camera model.
        names: what they mean: x, y, z, then e.g. intensity, elongation, age.
        has_age: whether the last of them is the age of the point in seconds.
        views: images that the model wants of one moment; 0 for a LiDAR model.
        frames: moments that the model looks at.
        frame_kind: which, see :class:`sparse3d.transforms.camera_frames.FrameChoice`.
        sweeps: earlier ones that the model's loader adds to the points of now.

    Raises:
        ConfigError: if the config has no test pipeline, or a model without intensities is given
            a scale of them.
    """

    def __init__(self, config: Config, intensity_scale: float = 1.0,
                 ground_shift: float = 0.0) -> None:
        dataset = _test_dataset(config)
        steps = [taking_arrays(TRANSFORMS.build(step)) for step in dataset['pipeline']]
        points = [step for step in steps if isinstance(step, TakesPoints)]
        images = [step for step in steps if isinstance(step, TakesImages)]
        if not points and not images:
            raise ConfigError(f'no transform of the test pipeline takes points or images: '
                              f'{", ".join(type(step).__name__ for step in steps)}')
        self._steps = [step for step in steps  # of several sweeps the last loader has all points
                       if step not in points[:-1] and not isinstance(step, LoadAnnotations)]
        self._looked = False
        self.names: tuple[str, ...] = points[-1].point_columns if points else ()
        self.sweeps: EarlierSweeps = getattr(points[-1], 'earlier_sweeps', EarlierSweeps()) \
            if points else EarlierSweeps()
        self._cameras: tuple[str, ...] = images[-1].image_cameras if images else ()
        self.views = len(self._cameras)
        self.columns, self.has_age = len(self.names), 'age' in self.names
        if not isinstance(intensity_scale, int | float | np.number) \
                or not 0 < intensity_scale < np.inf:
            raise ConfigError(f'intensity_scale is {intensity_scale!r}; give a positive number, '
                              f'such as 1 / 255')
        self.intensity_scale, self.ground_shift = float(intensity_scale), float(ground_shift)
        if self.intensity_scale != 1 and 'intensity' not in self.names:
            raise ConfigError(f'intensity_scale={intensity_scale} is for a model that takes '
                              f'intensities; this one takes {", ".join(self.names) or "no points"}')
        chosen = (dataset.get('frames') or {}) if self.views else {}
        self.frames, self.frame_kind = chosen.get('num_frames', 1), chosen.get('kind', 'past')

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras whose images the model wants, in its order."""
        return self._cameras

    def make(self, points: np.ndarray | None,
             images: Sequence[Image] | Mapping[str, Image] | None,
             calibration: Mapping[str, Any] | None) -> dict:
        """One sample, ready to be collated; see :meth:`sparse3d.apis.detector.Detector.__call__`.

        Args:
            points: what :meth:`read_points` gave.
            images, calibration: as the user gives them.

        Raises:
            DataError: for inputs that the model does not take or lacks.
        """
        number = next(_numbers)
        sample = dict(box_type_3d=LiDARInstance3DBoxes, box_mode_3d=Box3DMode.LIDAR,
                      sample_idx=number, timestamp=0.0)
        if self.columns:
            if points is None:
                raise DataError(f'this model needs points: {self._wanted()}')
            sample['points'] = points
        elif points is not None and not self.views:
            raise DataError('this model takes no points')
        if self.views:
            sample.update(self._images(images, calibration))
        elif images is not None:
            raise DataError('this model takes no images; give points alone')
        return self._through_the_pipeline(sample)

    def _through_the_pipeline(self, sample: dict) -> dict:
        for step in self._steps:
            try:
                sample = step(sample)
            except KeyError as error:
                raise ConfigError(f'{type(step).__name__} of the test pipeline looks for {error}, '
                                  f'which arrays do not bring along') from error
        return sample

    def read_points(self, points: np.ndarray | str | PathLike | None) -> np.ndarray | None:
        """The cloud as an array (N, C) before what the model does to it, or None."""
        if points is None or not self.columns:
            return None
        points = self._as_array(points)
        if self.intensity_scale != 1:
            points[:, self.names.index('intensity')] *= self.intensity_scale
        points[:, 2] += np.float32(self.ground_shift)
        return points

    def _as_array(self, points: np.ndarray | str | PathLike) -> np.ndarray:
        """A new array of the points that are finite."""
        if isinstance(points, str | PathLike):
            return self._read_file(Path(points))
        points = points.detach().cpu().numpy() if hasattr(points, 'detach') else points
        wanted = self._wanted()
        try:
            if np.ma.is_masked(points):
                raise ValueError('some of its numbers are masked: give the valid rows alone')
            given = np.asarray(points)
            if given.dtype.names:
                return self._as_array(points_of_columns(
                    {name: given[name].ravel() for name in given.dtype.names
                     if not given.dtype[name].shape}, self.names, 'the array of points'))
            if given.dtype.kind not in 'fiuO':
                raise ValueError(f'{given.dtype} are no real numbers')
            points = given.astype(np.float32)
        except (ValueError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f'the points are {type(points).__name__}, no array of numbers '
                            f'({str(error)[:100]}); this model needs {wanted}') from error
        if self.has_age and points.ndim == 2 and points.shape[1] == self.columns - 1:
            points = np.column_stack([points, np.zeros(len(points), np.float32)])
        if points.ndim == 2 and self.names == AXES:  # what else a sensor gives is not looked at
            refuse_transposed(points.shape, 'the array of points')
            points = points[:, :len(AXES)]
        if points.ndim != 2 or points.shape[1] != self.columns:
            raise DataError(f'the points have the shape {points.shape}; this model needs {wanted}')
        return points[np.isfinite(points).all(axis=1)]

    def _read_file(self, path: Path) -> np.ndarray:
        if self.names == AXES:
            return self._as_array(read_xyz(path))
        if path.suffix.lower() == '.bin' and self.has_age and path.is_file() \
                and path.stat().st_size % (4 * self.columns):
            path_columns = self.columns - 1
            return self._as_array(read_cloud(path, path_columns))
        points = read_cloud(path, self.columns, self.names)
        if path.suffix.lower() == '.bin' and not self._looked:
            self._looked = True
            found = likely_columns(points.ravel(), self.columns)
            if found != self.columns:
                print_log(f'{path} looks like points of {found} numbers; this model takes '
                          f'{self._wanted()}', logger='current', level=30)
        return self._as_array(points)

    def _wanted(self) -> str:
        age = ' in seconds (may be left out)' if self.has_age else ''
        return f'(N, {self.columns}): {", ".join(self.names)}{age}'

    def _images(self, images: Any, calibration: Mapping[str, Any] | None) -> dict:
        if images is None or calibration is None:
            raise DataError(f'this model needs {self.views} images and their calibration')
        if isinstance(images, str | PathLike):
            raise DataError(f'images is one path, {str(images)!r}; give a list of {self.views}')
        if isinstance(images, Mapping):
            absent = [name for name in self._cameras if name not in images]
            if absent:
                raise DataError(f'there is no image of {absent[0]}; give None for a camera that '
                                f'delivered nothing')
            unknown = [name for name in images if name not in self._cameras]
            if unknown:
                raise DataError(f'nobody looks at the image of {unknown[0]}; this model takes '
                                f'{", ".join(self._cameras)}')
            images = [images[name] for name in self._cameras]
        read = [None if image is None else read_image(image) for image in images]
        refuse_odd_calibration(calibration)
        calibration = shifted_calibration(calibration, self.ground_shift)
        seen = [image is not None for image in read]
        sample = dict(camera_matrices(calibration, seen), img=read, num_frames=self.frames,
                      lidar2global=np.asarray(calibration.get('lidar2global', np.eye(4))))
        if 'timestamps' in calibration:
            sample['img_timestamp'] = np.asarray(calibration['timestamps'], np.float64)
        return sample


def read_image(image: Image) -> np.ndarray:
    """A picture as (H, W, 3) uint8 BGR, from a file or from an RGB array.

    Raises:
        DataError: if it is neither.
    """
    if isinstance(image, str | PathLike):
        return decode_image(read_bytes(image), str(image))
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise DataError(f'an image is an RGB array (H, W, 3) of uint8, not {image.shape} of '
                        f'{image.dtype}')
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _test_dataset(config: Config) -> Config:
    loader = config.get('test_dataloader') or config.get('val_dataloader')
    if not loader:
        raise ConfigError(f'{config.filename or "the config"} has no test_dataloader, whose '
                          f'pipeline says what the model takes')
    dataset = loader['dataset']
    while 'pipeline' not in dataset and ('dataset' in dataset or dataset.get('datasets')):
        dataset = dataset['dataset'] if 'dataset' in dataset else dataset['datasets'][0]
    if 'pipeline' not in dataset:
        raise ConfigError('the dataset of the test_dataloader has no pipeline')
    return dataset
