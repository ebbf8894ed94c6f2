"""What sensors delivered at one moment, as the arrays that a detector takes."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparse3d.recordings.pictures import Lens, picture_of


@dataclass
class CameraImage:
    """A picture of a camera, decoded when it is looked at.

    Attributes:
        topic: whose messages it is of.
        stamp: in nanoseconds.
        message: the Image or CompressedImage.
        lens: of the camera.
        fixed_from_camera: (4, 4) when it was taken; None if nothing is known to move.
        frame: of the camera.
    """

    topic: str
    stamp: int
    message: Any = field(repr=False)
    lens: Lens = field(repr=False)
    fixed_from_camera: np.ndarray | None = None
    frame: str = ''
    _pixels: np.ndarray | None = field(default=None, repr=False)

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, straightened; kept until :meth:`release`.

        Raises:
            DataError: if it is damaged or in an unknown encoding.
        """
        if self._pixels is None:
            self._pixels = self.lens.straightened(picture_of(self.message, self.topic))
        return self._pixels

    def release(self) -> None:
        """Keep the message alone."""
        self._pixels = None


@dataclass(frozen=True)
class SensorFrame:
    """The sensors at one moment.

    Attributes:
        stamp: of the moment, in nanoseconds of the first sensor's clock.
        log_time: when the message that gave the moment was recorded.
        frame: in which points are and boxes will be.
        points: (N, C) float32 of this moment and of earlier sweeps; None without LiDAR.
        images: by camera of the model; None for one that delivered nothing.
        frame_to_camera: (4, 4) of each picture from ``frame`` now to the camera then.
        fixed_from_frame: (4, 4) pose in a frame that stands still; None if nothing moves.
        fixed_frame: its name.
    """

    stamp: int
    log_time: int
    frame: str
    points: np.ndarray | None
    images: Mapping[str, CameraImage | None]
    frame_to_camera: Mapping[str, np.ndarray]
    fixed_from_frame: np.ndarray | None
    fixed_frame: str = ''
