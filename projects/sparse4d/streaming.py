"""Detection in a running video: one frame at a time, instances live on."""
from __future__ import annotations

from collections.abc import Hashable
from os import PathLike
from typing import Any

import numpy as np
import torch

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.camera_frame import CameraFrame, StreamedDetections, checked_frame
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.instance_bank import BankState, InstanceBank
from sparse4d.stored_state import load_state, save_state


class InstanceStream:
    """Frames in, detections with identities out, each at once; the whole state is :attr:`state`.

    A frame that never comes, a camera without a picture and a start in the middle of a drive are
    all normal. A frame that is refused leaves no trace.

    Velocities are refined by the way since the last frame, divided by the time it took. The
    released weights saw half a second or a whole one; driven with ten frames a second their
    velocities jump. ``interval`` of 5 gives the half seconds: the frames between are answered with
    nothing.

    Args:
        detector: in evaluation mode.
        interval: of so many frames that come in, one is looked at.

    Attributes:
        state: of the last frame that was looked at, see :meth:`Sparse4D.detect`.
        scene: of the newest frame.

    Raises:
        ConfigError: for an interval below 1.
    """

    def __init__(self, detector: Sparse4D, interval: int = 1) -> None:
        if not isinstance(interval, int | np.integer) or interval < 1:
            raise ConfigError(f'interval is {interval!r}: of so many frames that come in one is '
                              f'looked at, 1 or more')
        self.detector, self.interval = detector, int(interval)
        self.state: Any = None
        self.scene: Hashable = None
        self._taken, self._newest, self._shape = 0, -np.inf, ()

    def reset(self) -> None:
        """A new scene begins; identities go on."""
        self._taken, self._newest, self._shape, self.scene = 0, -np.inf, (), None
        self.state = self.detector.bbox_head.forgotten(self.state)

    def flush(self) -> list[StreamedDetections]:
        """End the drive; every frame has its answer already."""
        self.reset()
        return []

    def save(self, path: str | PathLike) -> None:
        """Write what is remembered, so that another process goes on where this one ended.

        Raises:
            DataError: if nothing is remembered yet, or by a head whose memory is images (v1).
        """
        save_state(path, self.state, self.scene)

    def load(self, path: str | PathLike) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            DataError: if the file is damaged, of another kind of head or of one of other sizes;
                nothing is forgotten then.
        """
        state, scene = load_state(path, self.detector.data_preprocessor.device)
        self._refuse_other_sizes(state, path)
        self.reset()
        self.state, self.scene = state, scene

    def _refuse_other_sizes(self, state: BankState, path: str | PathLike) -> None:
        bank = getattr(self.detector.bbox_head, 'bank', None)
        if not isinstance(bank, InstanceBank) or not bank.options.num_temporal:
            raise DataError(f'{path} holds instances, and this detector takes none over from the '
                            f'frame before')
        wanted = bank.options.num_temporal, bank.instance_feature.shape[1]
        if len(state) and tuple(state.features.shape[1:]) != wanted:
            raise DataError(f'{path} remembers {state.features.shape[1]} instances of '
                            f'{state.features.shape[2]} numbers, this detector {wanted[0]} of '
                            f'{wanted[1]}; load what a stream of the same config saved')

    def __call__(self, frame: CameraFrame) -> list[StreamedDetections]:
        """Take in a frame; its answer, or none where ``interval`` passes it over.

        Raises:
            DataError: if the frame cannot be used, has other cameras or sizes than those before,
                or is not newer.
        """
        frame = checked_frame(frame)
        begins = self._taken == 0 or frame.scene != self.scene
        shape, seconds = tuple(frame.images.shape), _seconds(frame)
        if not begins:
            _refuse_disorder(shape, self._shape, seconds, self._newest)
        number = 0 if begins else self._taken
        answers = [] if number % self.interval else [self._answer(frame, number)]
        self.scene, self._taken, self._shape, self._newest = frame.scene, number + 1, shape, seconds
        return answers

    @torch.no_grad()
    def _answer(self, frame: CameraFrame, number: int) -> StreamedDetections:
        detector = self.detector
        images = detector.data_preprocessor.images([frame.images])
        meta = dict(lidar2img=frame.lidar2img, img_timestamp=frame.timestamps,
                    image_valid=frame.valid, timestamp=_seconds(frame),
                    lidar2global=frame.lidar2global, scene_token=frame.scene)
        seen = Frame.of_batch([meta], tuple(images.shape[-2:]), images.device)
        maps = detector.extract_feat(dict(imgs=seen.cameras.without_missing(images)))
        (found,), self.state = detector.detect(maps, seen, self.state)
        return StreamedDetections(number, frame.scene, frame.timestamps, frame.lidar2global, found)


def open_stream(detector: Sparse4D, interval: int = 1) -> InstanceStream:
    """The stream of a detector.

    Args:
        interval: see :class:`InstanceStream`.
    """
    return InstanceStream(detector, interval)


def _seconds(frame: CameraFrame) -> float:
    """The time of a frame, by the cameras that delivered."""
    times, valid = frame.timestamps, frame.valid
    known = times[valid] if valid.any() else times
    return float(known.mean())


def _refuse_disorder(shape: tuple, before: tuple, seconds: float, newest: float) -> None:
    if before and shape != before:
        raise DataError('the number of cameras or the size of the images changed within a scene; '
                        'reset() the stream or name another scene')
    if seconds < newest:
        raise DataError(f'a frame of {seconds:.3f} s came after one of {newest:.3f} s; reset() '
                        f'the stream first')
