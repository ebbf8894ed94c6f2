"""The cameras of a batch of videos: how old each frame is."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError
from sparse3d.structures.camera_frame import refuse_other_units
from sparse3d.structures.cameras import Cameras


class Views(NamedTuple):
    """Images of T frames and N cameras, newest frame first.

    Attributes:
        cameras: with T*N images of each sample.
        age: [B, T] seconds since each frame was taken; negative for the future.
    """

    cameras: Cameras
    age: Tensor

    @property
    def lidar2img(self) -> Tensor:
        """[B, T, N, 4, 4] from the LiDAR frame of now to pixels."""
        return self.cameras.lidar2img.unflatten(1, (self.age.shape[1], -1))

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width that the matrices project to."""
        return self.cameras.image_size

    @property
    def valid(self) -> Tensor | None:
        """[B, T, N] False where an image is missing, or None if none is."""
        if self.cameras.complete:
            return None
        return self.cameras.valid.unflatten(1, (self.age.shape[1], -1))


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
    cameras = Cameras.of_batch(metas, image_size, frames=frames)
    times = cameras.times.reshape(len(metas), frames, -1)
    valid = cameras.valid.numpy().reshape(times.shape)
    if not np.isfinite(times[valid]).all():
        raise DataError('img_timestamp of a sample is not finite')
    age = np.array([[_age(seconds, there, frame) for frame in range(frames)]
                    for seconds, there in zip(times, valid, strict=True)], np.float32)
    for seconds, there, ages in zip(times, valid, age, strict=True):
        refuse_other_units(seconds[there], ages)
    return Views(cameras.to(device, torch.float32), torch.from_numpy(age).to(device))


def _check_frames(meta: dict, frames: int) -> None:
    """Images of T frames and N cameras would pass for those of other T and N."""
    if meta.get('img_timestamp') is None:
        raise DataError("the sample has no 'img_timestamp'; add it to meta_keys of the packing "
                        f'transform (it has {", ".join(sorted(meta)) or "nothing"})')
    given = meta.get('num_frames')
    if given is not None and int(given) != frames:
        raise DataError(f'the sample holds {given} frames (frames.num_frames of the data), the '
                        f'model looks at {frames} (model.bbox_head.decoder.num_frames); give both '
                        f'one number')


def _age(seconds: np.ndarray, there: np.ndarray, frame: int) -> float:
    """Seconds from a frame until the first, by the cameras that both have."""
    both = there[0] & there[frame]
    if both.any():
        return float((seconds[0] - seconds[frame])[both].mean())
    known = [seconds[index][there[index] | ~there[index].any()] for index in (0, frame)]
    return float(known[0].mean() - known[1].mean())

