"""What the cameras deliver at one time, checked before anything is computed or remembered."""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError
from sparsebev.views import refuse_other_units


@dataclass(frozen=True)
class CameraFrame:
    """What the cameras deliver at one time.

    Attributes:
        images: (N, 3, H, W) 0-255, a tensor or an array, in the order of channels that the
            preprocessor expects.
        lidar2img: (N, 4, 4) from the LiDAR frame of this time to pixels.
        timestamps: (N,) seconds.
        lidar2global: (4, 4) pose of the LiDAR at this time; any fixed world.
        valid: (N,) False where a camera delivered nothing, or None.
        scene: whatever names the drive; another one makes the stream start anew.
    """

    images: Tensor | np.ndarray | Sequence[np.ndarray]
    lidar2img: np.ndarray
    timestamps: np.ndarray
    lidar2global: np.ndarray
    valid: np.ndarray | None = None
    scene: Hashable = None


def checked_frame(frame: CameraFrame) -> CameraFrame:
    """The frame with a tensor of images and arrays of float64 and bool.

    Raises:
        DataError: naming the field, what it is and what it has to be.
    """
    images = _images(frame.images)
    count = len(images)
    lidar2img = _array(frame.lidar2img, 'lidar2img', (count, 4, 4), count)
    timestamps = _array(np.reshape(frame.timestamps, -1), 'timestamps', (count,), count)
    pose = _array(frame.lidar2global, 'lidar2global', (4, 4), count)
    valid = np.ones(count, bool) if frame.valid is None else \
        _array(frame.valid, 'valid', (count,), count, bool)
    if not np.isfinite(pose).all() or abs(np.linalg.det(pose)) < 1e-9:
        raise DataError('lidar2global of the frame holds NaN or cannot be inverted; leave the '
                        'frame out until the pose is known')
    if not (np.isfinite(lidar2img[valid]).all() and np.isfinite(timestamps[valid]).all()):
        raise DataError('lidar2img or timestamps of the frame are not finite; say valid=False '
                        'of a camera that delivered nothing')
    refuse_other_units(timestamps[valid])
    return replace(frame, images=images, lidar2img=lidar2img, timestamps=timestamps,
                   lidar2global=pose, valid=valid)


def _images(images: Any) -> Tensor:
    if not isinstance(images, Tensor):
        try:
            images = torch.from_numpy(np.ascontiguousarray(images))
        except (TypeError, ValueError) as error:
            raise DataError('images of the frame are neither a tensor nor arrays of numbers of '
                            'one size; (N, 3, H, W) is needed') from error
    if images.ndim != 4 or images.shape[1] != 3 or not len(images):
        hint = '; bring the channels, the last axis, to the second place' \
            if images.ndim == 4 and images.shape[-1] == 3 else ''
        raise DataError(f'images of the frame have the shape {tuple(images.shape)}, not '
                        f'(N, 3, H, W){hint}')
    return images


def _array(value: Any, name: str, shape: tuple[int, ...], cameras: int,
           kind: type = np.float64) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value, kind)
    except (TypeError, ValueError) as error:
        raise DataError(f'{name} of the frame is no array of numbers of the shape '
                        f'{shape}') from error
    if array.shape != shape:
        raise DataError(f'{name} of the frame has the shape {array.shape}; with {cameras} images '
                        f'it has to be {shape}')
    return array
