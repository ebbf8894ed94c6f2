"""A user's own arrays brought into the sample that a config's test pipeline would have loaded."""
from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import Box3DMode, LiDARInstance3DBoxes, LiDARPoints
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log

from sparse3d.apis.ground_shift import shifted_calibration
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.column_count import likely_columns
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.load_multi_view_images import CAMERAS
from sparse3d.transforms.named_columns import column_names
from sparse3d.transforms.point_files import read_bytes

Image = np.ndarray | str | PathLike
_numbers = itertools.count()
_WITH_RING = ('x', 'y', 'z', 'intensity', 'ring')  # of mmdet3d's loader of single nuScenes sweeps


class ArraySamples:
    """Makes samples of points and images without any data set.

    The transforms that read files are left out of the config's test pipeline; the others run
    as they do in a test.

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

    Raises:
        ConfigError: if the config has no test pipeline, or a model without intensities is given
            a scale of them.
    """

    def __init__(self, config: Config, intensity_scale: float = 1.0,
                 ground_shift: float = 0.0) -> None:
        dataset = _test_dataset(config)
        steps = [TRANSFORMS.build(step) for step in dataset['pipeline']]
        loaders = [step for step in steps if type(step).__name__.startswith('Load')]
        self._transforms = Compose([step for step in steps if step not in loaders])
        self.names: tuple[str, ...] = ()
        self._tanh: tuple[str, ...] = ()
        self._looked = False
        self.views, self._cameras = 0, CAMERAS
        for loader in loaders:
            self._note(loader)
        self.columns, self.has_age = len(self.names), 'age' in self.names
        self.intensity_scale, self.ground_shift = float(intensity_scale), float(ground_shift)
        if self.intensity_scale != 1 and 'intensity' not in self.names:
            raise ConfigError(f'intensity_scale={intensity_scale} is for a model that takes '
                              f'intensities; this one takes {", ".join(self.names) or "no points"}')
        self.frames = (dataset.get('frames') or {}).get('num_frames', 1) if self.views else 1

    def _note(self, loader: Any) -> None:
        """What a loading transform of the pipeline would have made."""
        kind = type(loader).__name__
        if kind == 'LoadPointFile':
            self.names = column_names(loader.columns)
        elif kind == 'LoadPoints':
            self.names = _chosen(column_names(loader.columns), loader.use)
        elif kind == 'LoadPointsFromFile':
            self.names = _chosen(_WITH_RING, loader.use_dim)
        elif kind == 'LoadPointsFromMultiSweeps':
            self.names = _chosen(column_names(5), loader.use_dim)
        elif kind == 'LoadSweepPoints':
            self.names = _chosen(column_names(5), loader.use)
        elif kind == 'LoadWaymoPoints':
            self.names = column_names(6) if loader.num_frames > 1 else column_names(6)[:5]
            self._tanh = loader.tanh
        elif kind == 'LoadMultiViewImages':
            self.views, self._cameras = len(loader.cameras), loader.cameras
        elif 'Annotations' not in kind:
            raise ConfigError(f'the test pipeline reads files with {kind}, whose place '
                              f'arrays cannot take')

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
            sample['points'] = LiDARPoints(self._points(points), points_dim=self.columns)
        elif points is not None and not self.views:
            raise DataError('this model takes no points')
        if self.views:
            sample.update(self._images(images, calibration, number))
        elif images is not None:
            raise DataError('this model takes no images; give points alone')
        return self._transforms(sample)

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
        points = np.asarray(points, np.float32)
        wanted = self._wanted()
        if self.has_age and points.ndim == 2 and points.shape[1] == self.columns - 1:
            points = np.column_stack([points, np.zeros(len(points), np.float32)])
        if points.ndim != 2 or points.shape[1] != self.columns:
            raise DataError(f'the points have the shape {points.shape}; this model needs {wanted}')
        return points[np.isfinite(points).all(axis=1)]

    def _points(self, points: np.ndarray | None) -> np.ndarray:
        if points is None:
            raise DataError(f'this model needs points: {self._wanted()}')
        cloud = np.array(points)
        for name in self._tanh:
            column = dict(intensity=3, elongation=4)[name]
            cloud[:, column] = np.tanh(cloud[:, column])
        return cloud

    def _read_file(self, path: Path) -> np.ndarray:
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

    def _images(self, images: Any, calibration: Mapping[str, Any] | None, number: int) -> dict:
        if images is None or calibration is None:
            raise DataError(f'this model needs {self.views} images and their calibration')
        if isinstance(images, Mapping):
            absent = [name for name in self._cameras if name not in images]
            if absent:
                raise DataError(f'there is no image of {absent[0]}; give None for a camera that '
                                f'delivered nothing')
            images = [images[name] for name in self._cameras]
        images, wanted = list(images), self.views * self.frames
        if len(images) not in (self.views, wanted):
            raise DataError(f'{len(images)} images were given; this model takes {self.views} of '
                            f'now, or {wanted} of {self.frames} frames, newest first')
        repeats = wanted // len(images)  # a drive that begins now: the past looks like now
        valid = np.array([image is not None for image in images] * repeats)
        read = [None if image is None else read_image(image) for image in images]
        shape = next((image.shape for image in read if image is not None), (900, 1600, 3))
        read = [np.zeros(shape, np.uint8) if image is None else image for image in read]
        calibration = shifted_calibration(calibration, self.ground_shift)
        times = np.asarray(calibration.get('timestamps', np.zeros(len(images))), np.float64)
        return dict(
            img=read * repeats, image_valid=valid, view_names=list(self._cameras) * self.frames,
            img_timestamp=np.tile(times, repeats), num_views=self.views, num_frames=self.frames,
            img_path=[f'array {number}.{place}' for place in range(wanted)],
            ori_shape=shape[:2], img_shape=shape[:2], pad_shape=shape[:2],
            lidar2global=np.asarray(calibration.get('lidar2global', np.eye(4))),
            **_matrices(calibration, len(images), repeats))


def read_image(image: Image) -> np.ndarray:
    """A picture as (H, W, 3) uint8 BGR, from a file or from an RGB array.

    Raises:
        DataError: if it is neither.
    """
    if isinstance(image, str | PathLike):
        return decode_image(read_bytes(image), str(image))
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(f'an image is an RGB array (H, W, 3) of uint8, not {image.shape} of '
                        f'{image.dtype}')
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR)


def _chosen(names: Sequence[str], use: Sequence[int] | None) -> tuple[str, ...]:
    """The names of the columns that a loader keeps."""
    use = range(len(names)) if use is None else use
    return tuple(names[place] if place < len(names) else f'column {place}' for place in use)


def _matrices(calibration: Mapping[str, Any], count: int, repeats: int) -> dict[str, np.ndarray]:
    found = {}
    for name in ('lidar2img', 'lidar2cam', 'cam2img'):
        if name in calibration:
            matrices = np.asarray(calibration[name], np.float64)
            if matrices.ndim != 3 or len(matrices) != count:
                raise DataError(f'calibration[{name!r}] has the shape {matrices.shape}; '
                                f'({count}, 4, 4) is needed')
            square = np.tile(np.eye(4), (count, 1, 1))
            square[:, :matrices.shape[1], :matrices.shape[2]] = matrices
            found[name] = square
    if 'lidar2img' not in found:
        if not {'lidar2cam', 'cam2img'} <= set(found):
            raise DataError('the calibration has neither lidar2img nor lidar2cam and cam2img')
        found['lidar2img'] = found['cam2img'] @ found['lidar2cam']
    return {name: np.tile(matrices, (repeats, 1, 1)) for name, matrices in found.items()}


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
