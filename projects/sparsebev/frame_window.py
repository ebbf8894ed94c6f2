"""The newest frames of a drive, kept after the backbone, and detection among them."""
from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.camera_frame import CameraFrame, checked_frame
from sparsebev.feature_cache import FrameMaps
from sparsebev.views import Views, views_of_batch


@dataclass(frozen=True)
class CachedFrame:
    """A frame after the backbone: its maps L x [N, C, H_l, W_l] and where its cameras were."""

    maps: FrameMaps
    image_size: tuple[int, int]
    lidar2img: np.ndarray
    timestamps: np.ndarray
    lidar2global: np.ndarray
    valid: np.ndarray

    def seen_from(self, lidar2global: np.ndarray) -> np.ndarray:
        """Matrices (N, 4, 4) from the LiDAR frame of another time to this frame's pixels."""
        moved = np.linalg.inv(self.lidar2global) @ lidar2global
        return self.lidar2img @ moved


class VideoDetector(Protocol):
    """What a stream needs of a detector: a backbone for images and a head for maps.

    Attributes:
        data_preprocessor: has ``normalize(images)`` and ``device``.
        num_frames: that the head reads.
        frame_kind: how they lie in time: ``'past'``, ``'future'`` or ``'interleaved'``.
    """

    data_preprocessor: Any
    num_frames: int
    frame_kind: str

    def maps_of_images(self, images: Tensor) -> Sequence[Tensor]:
        """Feature maps L x [M, C, H_l, W_l] of normalized images [M, 3, H, W]."""

    def detect(self, maps: Sequence[Tensor], views: Views) -> list[InstanceData]:
        """Detections from feature maps L x [B, T*N, C, H_l, W_l]."""

    def feature_settings(self) -> Hashable:
        """What the features depend on besides weights and images."""


class FrameWindow:
    """The newest frames of one drive.

    Args:
        detector: in evaluation mode.
        capacity: most frames that are kept.

    Attributes:
        frames: newest first.
    """

    def __init__(self, detector: VideoDetector, capacity: int) -> None:
        self.detector = detector
        self._settings: Hashable = None
        self.frames: deque[CachedFrame] = deque(maxlen=capacity)

    @contextmanager
    def unless_refused(self, frame: CameraFrame) -> Iterator[CameraFrame]:
        """The frame, checked; whatever is raised, the window is what it was before.

        Raises:
            DataError: for a frame that cannot be used.
        """
        frame, before = checked_frame(frame), list(self.frames)
        try:
            yield frame
        except BaseException:
            self.frames.clear()
            self.frames.extend(before)
            raise

    @torch.no_grad()
    def add(self, frame: CameraFrame) -> None:
        """Take in the next frame, checked by
        :func:`~sparse3d.structures.camera_frame.checked_frame`.

        Raises:
            DataError: if the frame has other cameras or sizes than those before, or is older.
            ConfigError: if the backbone's settings (ratios of windows) are others than those that
                the kept frames were seen with.
        """
        settings = self.detector.feature_settings()
        if self.frames and settings != self._settings:
            raise ConfigError('the ratios or other settings of the image backbone changed while '
                              'features of earlier frames are kept; reset() the stream first')
        self._settings = settings
        images = self.detector.data_preprocessor.normalize(
            frame.images.to(self.detector.data_preprocessor.device))
        missing = torch.from_numpy(~frame.valid).to(images.device)[:, None, None, None]
        images = images.masked_fill(missing, 0)  # as in a batch, see Cameras.without_missing
        maps = tuple(self.detector.maps_of_images(images))
        added = CachedFrame(maps, tuple(images.shape[-2:]), frame.lidar2img, frame.timestamps,
                            frame.lidar2global, frame.valid)
        if self.frames:
            _check_order(self.frames[0], added)
        self.frames.appendleft(added)

    @torch.no_grad()
    def detect(self, indices: Sequence[int]) -> InstanceData:
        """Detections in the LiDAR frame of one frame, seen together with others.

        Args:
            indices: in :attr:`frames`, of the model's frames 0 (which is answered) to T - 1.
        """
        chosen = [self.frames[index] for index in indices]
        maps = [torch.cat(level)[None] for level in
                zip(*(item.maps for item in chosen), strict=True)]  # L x [1, T*N, C, H, W]
        return self.detector.detect(maps, _views(chosen, maps[0].device))[0]


def checked_interval(interval: int) -> int:
    """An interval between frames of a stream.

    Raises:
        ConfigError: if it is not 1 or more.
    """
    if not isinstance(interval, int | np.integer) or interval < 1:
        raise ConfigError(f'interval is {interval!r}: of so many frames that come in one is '
                          f'looked at, 1 or more')
    return int(interval)


def _views(chosen: Sequence[CachedFrame], device: torch.device) -> Views:
    now = chosen[0].lidar2global
    meta = dict(
        lidar2img=np.concatenate([item.seen_from(now) for item in chosen]),
        img_timestamp=np.concatenate([item.timestamps for item in chosen]),
        image_valid=np.concatenate([item.valid for item in chosen]))
    return views_of_batch([meta], len(chosen), chosen[0].image_size, device)


def _check_order(last: CachedFrame, added: CachedFrame) -> None:
    if [level.shape for level in last.maps] != [level.shape for level in added.maps]:
        raise DataError('the number of cameras or the size of the images changed within '
                        'a scene; reset() the stream or name another scene')
    newest, before = _latest(added), _latest(last)
    if newest < before:
        raise DataError(f'a frame of {newest:.3f} s came after one of {before:.3f} s; '
                        f'reset() the stream first')


def _latest(frame: CachedFrame) -> float:
    times, valid = frame.timestamps, frame.valid
    return float((times[valid] if valid.any() else times).max())
