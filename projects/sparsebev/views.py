"""What is known of the images of a batch: matrices, times, which are missing."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError

_LATEST, _OLDEST = 1e11, 60.0  # [s]; of a clock since 1970 in the year 5138, between frames
_TODAY = 1.7e9                 # [s] since 1970
_UNITS = dict(milliseconds=1e3, microseconds=1e6, nanoseconds=1e9)


class Views(NamedTuple):
    """Images of T frames and N cameras, newest frame first.

    Attributes:
        lidar2img: [B, T, N, 4, 4] from the LiDAR frame of now to pixels.
        age: [B, T] seconds since each frame was taken; negative for the future.
        image_size: height and width that ``lidar2img`` projects to.
        valid: [B, T, N] False where an image is missing, or None if none is.
    """

    lidar2img: Tensor
    age: Tensor
    image_size: tuple[int, int]
    valid: Tensor | None = None


def views_of_batch(metas: Sequence[dict], frames: int, image_size: tuple[int, int],
                   device: torch.device | str = 'cpu') -> Views:
    """Gather the matrices and times of all samples.

    Args:
        metas: for each sample ``lidar2img`` (T*N, 4, 4), ``img_timestamp`` (T*N,) in seconds
            and optionally ``image_valid`` (T*N,); frame by frame, newest first. Samples may
            have different numbers of cameras: what a sample lacks counts as missing.
        frames: T.
        image_size: height and width of the padded images.

    Raises:
        DataError: if an entry is missing, misshapen or not finite.
    """
    for meta in metas:
        _check_frames(meta, frames)
    parsed = [_one_sample(meta, frames) for meta in metas]
    cameras = max((matrices.shape[1] for matrices, _, _ in parsed), default=0)
    lidar2img = np.zeros((len(parsed), frames, cameras, 4, 4), np.float32)
    age = np.zeros((len(parsed), frames), np.float32)
    valid = np.zeros((len(parsed), frames, cameras), bool)
    for sample, (matrices, seconds, there) in enumerate(parsed):
        lidar2img[sample, :, :matrices.shape[1]] = matrices
        valid[sample, :, :matrices.shape[1]] = there
        age[sample] = [_age(seconds, there, frame) for frame in range(frames)]
        refuse_other_units(seconds[there], age[sample])
    mask = None if valid.all() else torch.from_numpy(valid).to(device)
    return Views(torch.from_numpy(lidar2img).to(device), torch.from_numpy(age).to(device),
                 tuple(image_size), mask)


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


def _check_frames(meta: dict, frames: int) -> None:
    """Images of T frames and N cameras would pass for those of other T and N."""
    given = meta.get('num_frames')
    if given is not None and int(given) != frames:
        raise DataError(f'the sample holds {given} frames (frames.num_frames of the data), the '
                        f'model looks at {frames} (model.bbox_head.num_frames); give both one '
                        f'number')


def _one_sample(meta: dict, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices [T, N, 4, 4], seconds [T, N], presence [T, N]."""
    for key in ('lidar2img', 'img_timestamp'):
        if meta.get(key) is None:
            raise DataError(f'the sample has no {key!r}; add it to meta_keys of the packing '
                            f'transform (it has {", ".join(sorted(meta)) or "nothing"})')
    matrices = np.asarray(_numpy(meta['lidar2img']), np.float64)
    seconds = np.asarray(_numpy(meta['img_timestamp']), np.float64).reshape(-1)
    if len(matrices) % frames or matrices.shape[1:] != (4, 4) or len(seconds) != len(matrices):
        raise DataError(f'{frames} frames need as many lidar2img (4, 4) and img_timestamp for '
                        f'each, not {matrices.shape} and {seconds.shape}')
    there = np.asarray(_numpy(meta.get('image_valid', np.ones(len(matrices)))), bool)
    if not (np.isfinite(matrices[there]).all() and np.isfinite(seconds[there]).all()):
        raise DataError('lidar2img or img_timestamp of a sample is not finite')
    matrices = np.where(there[:, None, None], matrices, 0.0)
    return (matrices.reshape(frames, -1, 4, 4), seconds.reshape(frames, -1),
            there.reshape(frames, -1))


def _age(seconds: np.ndarray, there: np.ndarray, frame: int) -> float:
    """Seconds from a frame until the first, by the cameras that both have."""
    both = there[0] & there[frame]
    if both.any():
        return float((seconds[0] - seconds[frame])[both].mean())
    known = [seconds[index][there[index] | ~there[index].any()] for index in (0, frame)]
    return float(known[0].mean() - known[1].mean())


def _numpy(value):
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor):
        return np.stack([item.detach().cpu().numpy() for item in value])
    return value
