"""What the cameras deliver at one time, checked before it is remembered, and what is answered."""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.errors import DataError
from sparse3d.structures.given_matrix import given_matrix, given_pose

FARTHEST = 5.0  # [s] between images of one frame
# Interpolation may overshoot 0-255; what lies within a few units was divided before.
LOWEST, HIGHEST, DIVIDED = -64, 320, 10
_LATEST, _OLDEST = 1e11, 60.0  # [s]; of a clock since 1970 in the year 5138, between frames
_TODAY = 1.7e9                 # [s] since 1970
_UNITS = dict(milliseconds=1e3, microseconds=1e6, nanoseconds=1e9)


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


@dataclass(frozen=True)
class StreamedDetections:
    """What was found in a frame of a stream.

    Attributes:
        number: of the frame in its drive, from 0.
        scene: its drive.
        timestamps: (N,) seconds.
        lidar2global: (4, 4) pose of the LiDAR, in whose frame the boxes are.
        instances: boxes, scores and labels.
    """

    number: int
    scene: Hashable
    timestamps: np.ndarray
    lidar2global: np.ndarray
    instances: InstanceData


def checked_frame(frame: CameraFrame) -> CameraFrame:
    """The frame with a tensor of images and arrays of float64 and bool.

    Raises:
        DataError: naming the field, what it is and what it has to be.
    """
    absent = [each.name for each in fields(CameraFrame) if not hasattr(frame, each.name)]
    if absent:
        raise DataError(f'a stream takes a CameraFrame; a {type(frame).__name__} has no '
                        f'{absent[0]}')
    images = _images(frame.images)
    count = len(images)
    lidar2img = _array(frame.lidar2img, 'lidar2img', (count, 4, 4), count)
    timestamps = _array(np.reshape(frame.timestamps, -1), 'timestamps', (count,), count)
    pose = _array(frame.lidar2global, 'lidar2global', (4, 4), count)
    valid = np.ones(count, bool) if frame.valid is None else _valid(frame.valid, count)
    if not np.isfinite(pose).all() or abs(np.linalg.det(pose)) < 1e-9:
        raise DataError('lidar2global of the frame holds NaN or cannot be inverted; leave the '
                        'frame out until the pose is known')
    given_pose(pose, 'lidar2global of the frame')
    if not (np.isfinite(lidar2img[valid]).all() and np.isfinite(timestamps[valid]).all()):
        raise DataError('lidar2img or timestamps of the frame are not finite; say valid=False '
                        'of a camera that delivered nothing')
    for view in np.flatnonzero(valid):
        given_matrix(lidar2img[view], f'lidar2img of image {view} of the frame')
    refuse_other_units(timestamps[valid])
    apart = np.ptp(timestamps[valid]) if valid.any() else 0.0
    if apart > FARTHEST:
        raise DataError(f'timestamps of the frame are {apart:.1f} s apart; its images are of one '
                        f'moment, in seconds')
    _refuse_odd_scene(frame.scene)
    images = _of_0_to_255(images, valid)
    return replace(frame, images=images, lidar2img=lidar2img, timestamps=timestamps,
                   lidar2global=pose, valid=valid)


def refuse_other_units(seconds: np.ndarray, ages: Sequence[float] = ()) -> None:
    """Times in milli-, micro- or nanoseconds would pass for seconds and spoil all velocities.

    Args:
        seconds: of images, from any beginning.
        ages: seconds between frames of one sample.

    Raises:
        DataError: for times that no clock has, or frames that are too far apart.
    """
    latest, oldest = np.abs(seconds).max(initial=0.0), np.abs(ages).max(initial=0.0)
    if latest > _LATEST:
        raise DataError(f'a time of {latest:.0f} s cannot be: times are in seconds, these look '
                        f'like {_unit(latest / _TODAY)}')
    if oldest > _OLDEST:
        raise DataError(f'frames of one sample are {oldest:.0f} s apart, {_OLDEST:.0f} are the '
                        f'most: times are in seconds (are these milli- or microseconds?); after '
                        f'a long pause, reset() the stream')


def _unit(factor: float) -> str:
    return min(_UNITS, key=lambda unit: abs(np.log10(factor / _UNITS[unit])))


def _images(images: Any) -> Tensor:
    if not isinstance(images, Tensor):
        try:
            images = torch.from_numpy(np.ascontiguousarray(images))
        except (TypeError, ValueError) as error:
            raise DataError('images of the frame are neither a tensor nor arrays of numbers of '
                            'one size; (N, 3, H, W) is needed') from error
    if images.layout != torch.strided or images.is_meta or images.is_complex() \
            or images.dtype == torch.bool:
        raise DataError(f'images of the frame are {_kind(images)}; numbers of 0-255 are needed')
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        hint = '; bring the channels, the last axis, to the second place' \
            if images.ndim == 4 and images.shape[-1] == 3 else ''
        raise DataError(f'images of the frame have the shape {tuple(images.shape)}, not '
                        f'(N, 3, H, W){hint}')
    return images


def _kind(images: Tensor) -> str:
    return 'without numbers' if images.is_meta else \
        f'{images.layout} {images.dtype}'.replace('torch.', '')


def _of_0_to_255(images: Tensor, valid: np.ndarray) -> Tensor:
    """The images, black where a camera delivered nothing that is finite."""
    seen = images.detach()[torch.from_numpy(valid).to(images.device)]
    if not seen.numel() or images.dtype == torch.uint8:
        return images
    seen = seen.float()
    low, high = float(seen.min()), float(seen.max())
    if not np.isfinite([low, high]).all():
        raise DataError('images of the frame hold NaN or infinity; say valid=False of a camera '
                        'that delivered nothing')
    divided = images.is_floating_point() and high < DIVIDED and (low < 0 or 0 < high <= 1)
    if divided or not LOWEST <= low <= high <= HIGHEST:
        raise DataError(f'images of the frame reach from {low:g} to {high:g}; 0 to 255 is needed, '
                        f'neither divided nor normalized')
    return images if valid.all() else torch.nan_to_num(images, 0.0, 0.0, 0.0)


def _valid(value: Any, count: int) -> np.ndarray:
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if array.dtype.kind not in 'bui' or not np.isin(array, (0, 1)).all():
        raise DataError(f'valid of the frame is {array.tolist()!r:.60}; give True or False for '
                        f'each camera')
    return _array(array, 'valid', (count,), count, bool)


def _refuse_odd_scene(scene: Any) -> None:
    """A name that does not equal itself would make the stream start anew with each frame."""
    if not isinstance(scene, Hashable) or scene != scene:
        raise DataError(f'scene of the frame is {scene!r:.40}; name the drive by a text or a '
                        f'number')


def _array(value: Any, name: str, shape: tuple[int, ...], cameras: int,
           kind: type = np.float64) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if np.iscomplexobj(value):
        raise DataError(f'{name} of the frame are complex numbers')
    try:
        array: np.ndarray = np.asarray(value, kind)
    except (TypeError, ValueError) as error:
        raise DataError(f'{name} of the frame is no array of numbers of the shape '
                        f'{shape}') from error
    if array.shape != shape:
        raise DataError(f'{name} of the frame has the shape {array.shape}; with {cameras} images '
                        f'it has to be {shape}')
    return array
