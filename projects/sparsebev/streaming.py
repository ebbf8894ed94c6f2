"""Detection in a running video: one frame at a time, earlier frames' features kept."""
from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.errors import DataError
from sparsebev.frame_memory import FrameMaps
from sparsebev.views import Views, views_of_batch

if TYPE_CHECKING:
    from sparsebev.detector import SparseBEV


@dataclass(frozen=True)
class CameraFrame:
    """What the cameras deliver at one time.

    Attributes:
        images: (N, 3, H, W) 0-255, in the order of channels that the preprocessor expects.
        lidar2img: (N, 4, 4) from the LiDAR frame of this time to pixels.
        timestamps: (N,) seconds.
        lidar2global: (4, 4) pose of the LiDAR at this time; any fixed world.
        present: (N,) False where a camera delivered nothing, or None.
        scene: whatever names the drive; another one makes the stream start anew.
    """

    images: Tensor
    lidar2img: np.ndarray
    timestamps: np.ndarray
    lidar2global: np.ndarray
    present: np.ndarray | None = None
    scene: Hashable = None


@dataclass(frozen=True)
class RememberedFrame:
    """A frame after the backbone: its maps L x [N, C, H_l, W_l] and where its cameras were."""

    maps: FrameMaps
    lidar2img: np.ndarray
    timestamps: np.ndarray
    lidar2global: np.ndarray
    present: np.ndarray

    def seen_from(self, lidar2global: np.ndarray) -> np.ndarray:
        """Matrices (N, 4, 4) from the LiDAR frame of another time to this frame's pixels."""
        moved = np.linalg.inv(self.lidar2global) @ lidar2global
        return self.lidar2img @ moved


class VideoStream:
    """Frames in, detections out; the whole state is :attr:`frames`.

    At any time the answer is the offline one on the same frames: the frame before, the one
    before that and so on, ``every`` apart, the oldest repeated where there are too few. A
    frame that never comes, a camera without a picture and a start in the middle of a drive
    are all normal.

    Args:
        detector: in evaluation mode.
        every: of so many frames that come in, one is a frame of the past. At 12 frames a
            second, 6 gives the half seconds that the released weights were tested with.

    Attributes:
        frames: newest first, at most ``1 + every * (T - 1)``.
    """

    def __init__(self, detector: SparseBEV, every: int = 1) -> None:
        self.detector, self.every = detector, every
        self.scene: Hashable = None
        self.frames: deque[RememberedFrame] = deque(
            maxlen=1 + every * (detector.num_frames - 1))

    def reset(self) -> None:
        """Forget all frames."""
        self.frames.clear()

    @torch.no_grad()
    def __call__(self, frame: CameraFrame) -> InstanceData:
        """Detections in the LiDAR frame of this frame.

        Raises:
            DataError: if the frame has other cameras or sizes than those before, or is older.
        """
        if frame.scene != self.scene:
            self.reset()
            self.scene = frame.scene
        images = self.detector.data_preprocessor.normalise(
            frame.images.to(self.detector.data_preprocessor.device))
        self._remember(frame, tuple(self.detector.maps_of_images(images)))
        maps, views = self._batch(tuple(images.shape[-2:]))
        return self.detector.detect(maps, views)[0]

    def _remember(self, frame: CameraFrame, maps: FrameMaps) -> None:
        count = len(frame.lidar2img)
        present = np.ones(count, bool) if frame.present is None \
            else np.asarray(frame.present, bool)
        times = np.asarray(frame.timestamps, np.float64).reshape(-1)
        if self.frames:
            last = self.frames[0]
            if [level.shape for level in last.maps] != [level.shape for level in maps]:
                raise DataError('the number of cameras or the size of the images changed within '
                                'a scene; reset() the stream or name another scene')
            newest, before = _latest(times, present), _latest(last.timestamps, last.present)
            if newest < before:
                raise DataError(f'a frame of {newest:.3f} s came after one of {before:.3f} s; '
                                f'reset() the stream first')
        self.frames.appendleft(RememberedFrame(
            maps, np.asarray(frame.lidar2img, np.float64), times,
            np.asarray(frame.lidar2global, np.float64), present))

    def _batch(self, image_size: tuple[int, int]) -> tuple[list[Tensor], Views]:
        """Maps L x [1, T*N, C, H, W] and views of the frames that count now."""
        places = [min(step * self.every, len(self.frames) - 1)
                  for step in range(self.detector.num_frames)]
        if len(self.frames) > 1:  # now is now; a short past repeats its oldest frame
            places[1:] = [max(place, 1) for place in places[1:]]
        chosen = [self.frames[place] for place in places]
        meta = dict(
            lidar2img=np.concatenate([item.seen_from(self.frames[0].lidar2global)
                                      for item in chosen]),
            img_timestamp=np.concatenate([item.timestamps for item in chosen]),
            img_valid=np.concatenate([item.present for item in chosen]))
        maps = [torch.cat(level)[None] for level in
                zip(*(item.maps for item in chosen), strict=True)]
        device = maps[0].device
        return maps, views_of_batch([meta], self.detector.num_frames, image_size, device)


def _latest(times: np.ndarray, present: np.ndarray) -> float:
    return float((times[present] if present.any() else times).max())
