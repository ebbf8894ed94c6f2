"""What is known of a batch of frames beside their images: cameras, poses, times, scenes."""
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError
from sparse3d.structures.cameras import Cameras
from sparse3d.structures.given_matrix import given_pose


@dataclass(frozen=True)
class Frame:
    """One moment of each of B streams.

    Poses and times stay in float64: their differences are small beside them.

    Attributes:
        cameras: N images of each sample.
        timestamps: [B] float64 seconds, on the host.
        lidar2global: [B, 4, 4] float64, on the host; any fixed world.
        scenes: what names the drive of each sample; None: unknown.
    """

    cameras: Cameras
    timestamps: Tensor
    lidar2global: Tensor
    scenes: tuple[Hashable, ...] | None = None

    @classmethod
    def of_batch(cls, metas: Sequence[Mapping[str, Any]], image_size: tuple[int, int],
                 device: torch.device | str = 'cpu') -> Frame:
        """Read a batch from the metas of its samples.

        Args:
            metas: of each sample ``lidar2img`` (N, 4, 4), ``timestamp`` in seconds,
                ``lidar2global`` (4, 4), where known ``scene_token``, and what
                :meth:`Cameras.of_batch` reads.
            image_size: height and width of the padded images.

        Raises:
            DataError: if an entry is missing, misshapen or not finite.
        """
        cameras = Cameras.of_batch(metas, image_size).to(device, torch.float32)
        times = torch.tensor([_time(meta) for meta in metas], dtype=torch.float64)
        poses = np.stack([_pose(meta) for meta in metas])
        scenes = tuple(meta.get('scene_token') for meta in metas)
        return cls(cameras, times, torch.from_numpy(poses),
                   None if None in scenes else scenes)

    def __len__(self) -> int:
        return len(self.timestamps)

    def of_samples(self, samples: Tensor) -> Frame:
        """The frames of some samples [M], as a batch."""
        cameras = self.cameras
        rows = samples.tolist()
        there = samples.to(cameras.valid.device)
        chosen = replace(
            cameras, lidar2img=cameras.lidar2img[there], sizes=cameras.sizes[there],
            valid=cameras.valid[there],
            times=None if cameras.times is None else cameras.times[rows],
            names=tuple(cameras.names[row] for row in rows) if cameras.names else ())
        scenes = None if self.scenes is None else tuple(self.scenes[row] for row in rows)
        return Frame(chosen, self.timestamps[samples.cpu()], self.lidar2global[samples.cpu()],
                     scenes)

    def from_frame(self, other: Frame) -> Tensor:
        """[B, 4, 4] float64 from the LiDAR frames of other frames to these."""
        return torch.linalg.inv(self.lidar2global) @ other.lidar2global


def _time(meta: Mapping[str, Any]) -> float:
    given = meta.get('timestamp')
    if given is None or not np.isfinite(float(given)):
        raise DataError(f"'timestamp' of a sample is {given!r}; the time of the frame in seconds "
                        f'is needed: add it to meta_keys of the packing transform')
    return float(given)


def _pose(meta: Mapping[str, Any]) -> np.ndarray:
    given = meta.get('lidar2global')
    if given is None:
        raise DataError("the sample has no 'lidar2global', which carries instances over to the "
                        'next frame: add it to meta_keys of the packing transform')
    return np.array(given_pose(np.asarray(given, np.float64), 'lidar2global of a sample'),
                    np.float64)
