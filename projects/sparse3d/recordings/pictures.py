"""Image and CompressedImage to RGB arrays, and CameraInfo to a camera matrix.

Source: sensor_msgs of ROS 2; models of distortion as sensor_msgs/distortion_models.hpp.
"""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown
from sparse3d.transforms.image_files import decode_image

# Encoding -> bytes of a pixel, conversion to RGB (None: as it is).
_CONVERSIONS: dict[str, tuple[int, int | None]] = {
    'rgb8': (3, None), 'bgr8': (3, cv2.COLOR_BGR2RGB), '8uc3': (3, cv2.COLOR_BGR2RGB),
    'rgba8': (4, cv2.COLOR_RGBA2RGB), 'bgra8': (4, cv2.COLOR_BGRA2RGB),
    '8uc4': (4, cv2.COLOR_BGRA2RGB), 'mono8': (1, cv2.COLOR_GRAY2RGB),
    '8uc1': (1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern by its second row and column.
    'bayer_rggb8': (1, cv2.COLOR_BayerBG2RGB), 'bayer_bggr8': (1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (1, cv2.COLOR_BayerGR2RGB), 'bayer_grbg8': (1, cv2.COLOR_BayerGB2RGB),
    'yuv422_yuy2': (2, cv2.COLOR_YUV2RGB_YUY2), 'yuyv': (2, cv2.COLOR_YUV2RGB_YUY2),
    'yuv422': (2, cv2.COLOR_YUV2RGB_UYVY), 'uyvy': (2, cv2.COLOR_YUV2RGB_UYVY)}
FISHEYE = ('equidistant', 'fisheye')
# Models that OpenCV's numbers describe; their names differ from driver to driver.
PINHOLE = ('', 'none', 'plumb_bob', 'rational_polynomial', 'thin_prism', 'radtan', 'pinhole',
           'brown_conrady', 'standard')
_COUNTS = (4, 5, 8, 12, 14)  # how many numbers OpenCV takes
_MAX_FOCAL_LENGTH = 1e6      # pixels


def picture_of(image: Any, name: str) -> np.ndarray:
    """The picture as (H, W, 3) uint8 RGB.

    Args:
        image: an Image or CompressedImage.
        name: of the topic, for errors; as it was recorded.

    Raises:
        DataError: if it is damaged, or in an encoding that is not read here.
    """
    name = shown(name)
    data = np.asarray(memoryview(image.data).cast('B')) if not isinstance(
        image.data, np.ndarray) else image.data.view(np.uint8)
    if not hasattr(image, 'encoding'):
        return np.ascontiguousarray(decode_image(data.tobytes(), name)[..., ::-1])
    return _decoded(image, data, name)


def _decoded(image: Any, data: np.ndarray, name: str) -> np.ndarray:
    known = _CONVERSIONS.get(image.encoding.strip().lower())
    if known is None:
        raise DataError(f'pictures of {name} have the encoding {image.encoding[:40]!r}, which is '
                        f'not read here; there are {", ".join(_CONVERSIONS)}')
    channels, conversion = known
    height, width, step = int(image.height), int(image.width), int(image.step)
    row = width * channels
    if not height or not width or step < row or len(data) < (height - 1) * step + row:
        raise DataError(f'a picture of {name} declares {height} x {width} pixels in rows of '
                        f'{step} bytes and has {len(data)} bytes')
    rows = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1), writeable=False)
    pixels = np.ascontiguousarray(rows).reshape(height, width, channels)
    if conversion is None:
        return pixels
    try:
        return cv2.cvtColor(pixels if channels > 1 else pixels[..., 0], conversion)
    except cv2.error as error:  # YUV 4:2:2 of an odd width, for one
        raise DataError(f'a picture of {name} declares {height} x {width} pixels, which '
                        f'{shown(image.encoding)} cannot have') from error


class Lens:
    """What a CameraInfo says: the matrix of the pictures, and how they are straightened.

    Args:
        info: a CameraInfo.
        rectified: the pictures were straightened before: their matrix is P, nothing is bent.

    Attributes:
        matrix: (3, 3) of the pictures that :meth:`straightened` gives.

    Raises:
        DataError: if the matrix is none: drivers without a calibration send zeros; if the
            distortion is of a model that is not read here, or no distortion.
    """

    def __init__(self, info: Any, rectified: bool = False) -> None:
        own = np.array(_field(info, 'k'), np.float64).reshape(3, 3)
        projection = np.array(_field(info, 'p'), np.float64).reshape(3, 4)[:, :3]
        model = info.distortion_model.strip().lower()
        self._bend = np.array(_field(info, 'd'), np.float64).reshape(-1)
        self._fisheye = model in FISHEYE
        self._bent = not rectified and bool(np.any(self._bend))
        if self._bent:
            self._bend = _distortion(self._bend, model)
        self.matrix = projection if rectified and projection[0, 0] else own
        self.size = int(info.width), int(info.height)
        if not (np.abs(self.matrix) < _MAX_FOCAL_LENGTH).all() or self.matrix[0, 0] <= 0 \
                or self.matrix[1, 1] <= 0:
            raise DataError('the camera_info has no focal length; calibrate the camera, or leave '
                            'its topic out')

    @property
    def bent(self) -> bool:
        """Whether pictures have to be straightened."""
        return self._bent

    def straightened(self, picture: np.ndarray) -> np.ndarray:
        """The picture of a camera without distortion and the same matrix."""
        if not self._bent:
            return picture
        if self._fisheye:
            return cv2.fisheye.undistortImage(picture, self.matrix, self._bend[:4],
                                              Knew=self.matrix)
        return cv2.undistort(picture, self.matrix, self._bend)

    def matrix_for(self, picture: np.ndarray) -> np.ndarray:
        """The matrix (3, 3) of a picture that may have another size than the calibration."""
        height, width = picture.shape[:2]
        if not all(self.size) or (width, height) == self.size:
            return self.matrix
        scale = np.diag([width / self.size[0], height / self.size[1], 1.0])
        return scale @ self.matrix


def _distortion(numbers: np.ndarray, model: str) -> np.ndarray:
    """The numbers of a distortion as OpenCV takes them: what a driver leaves out is 0."""
    if model not in (*PINHOLE, *FISHEYE):
        raise DataError(f'the camera_info has the distortion model {model[:40]!r}, which is not '
                        f'read here; record straightened pictures, or leave its topic out')
    counts = (4, ) if model in FISHEYE else _COUNTS
    numbers = np.trim_zeros(numbers, 'b')
    if not np.isfinite(numbers).all() or len(numbers) > counts[-1]:
        raise DataError(f'the distortion of the camera_info has {len(numbers)} numbers or NaN, '
                        f'which {shown(model)} cannot have; calibrate the camera again')
    count = next(count for count in counts if len(numbers) <= count)
    return np.pad(numbers, (0, count - len(numbers)))


def _field(info: Any, name: str) -> Any:
    """K, D and P are upper case in ROS 1 and in early ROS 2."""
    return getattr(info, name) if hasattr(info, name) else getattr(info, name.upper())
