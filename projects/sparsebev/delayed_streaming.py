"""Detection in a running video with a model that looks ahead: answers come late."""
from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from mmengine.structures import InstanceData

from sparse3d.errors import ConfigError
from sparsebev.camera_frame import CameraFrame
from sparsebev.frame_window import CachedFrame, FrameWindow, VideoDetector, checked_interval
from sparsebev.streaming import VideoStream


def open_stream(detector: VideoDetector, **options) -> VideoStream | DelayedStream:
    """The stream that fits a detector; one frame is taken at a time.

    :class:`VideoStream` answers at once; for a model that looks ahead :class:`DelayedStream`
    answers when it has seen enough.

    Raises:
        ConfigError: for an option that streams do not have.
    """
    unknown = [name for name in options if name != 'interval']
    if unknown:
        raise ConfigError(f'a stream has no option {unknown[0]!r}; it has interval')
    return (VideoStream if detector.frame_kind == 'past' else DelayedStream)(detector, **options)


@dataclass(frozen=True)
class DelayedDetections:
    """What was found in a frame that went in some time ago.

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


class DelayedStream:
    """Frames in, detections of an earlier frame out; the whole state is :attr:`frames`.

    A frame is answered as soon as the later frames that the model wants to see are there, so
    ``delay`` frames later; the end of the scene or :meth:`flush` gives the rest. The answers
    are the offline ones on the same frames: ``interval`` apart in both directions, the first and
    the last frame of the drive repeated where there are too few.

    Args:
        detector: in evaluation mode, one with later frames (``frame_kind`` is ``'future'`` or
            ``'interleaved'``).
        interval: of so many frames that come in, one is looked at. At 12 frames a second, 6 gives
            the half seconds that the released weights were tested with.

    Attributes:
        delay: number of frames that have to follow, ``interval * (T - 1) / 2``.
        frames: newest first, at most ``1 + 2 * delay``.

    Raises:
        ConfigError: for an interval below 1.
    """

    def __init__(self, detector: VideoDetector, interval: int = 1) -> None:
        self.interval, self.half = checked_interval(interval), (detector.num_frames - 1) // 2
        self.interleaved = detector.frame_kind == 'interleaved'
        self.delay = interval * self.half
        self.scene: Hashable = None
        self._window = FrameWindow(detector, 1 + 2 * self.delay)
        self._taken = 0

    @property
    def frames(self) -> deque[CachedFrame]:
        """What is cached."""
        return self._window.frames

    def reset(self) -> None:
        """Forget all frames, those without an answer as well."""
        self.frames.clear()
        self._taken = 0

    def flush(self) -> list[DelayedDetections]:
        """End the drive: answers for the frames that have none yet, the oldest first."""
        waiting = min(self.delay, len(self.frames))
        answers = [self._answer(place) for place in reversed(range(waiting))]
        self.reset()
        return answers

    def __call__(self, frame: CameraFrame) -> list[DelayedDetections]:
        """Take in a frame; answers that this makes possible, the oldest first.

        None at the beginning of a drive, then one each time, and with the first frame of
        another scene all that were still to come. A frame that is refused leaves no trace.

        Raises:
            DataError: if the frame cannot be used, has other cameras or sizes than those before,
                or is older.
        """
        state = self.scene, self._taken
        with self._window.unless_refused(frame) as checked:
            try:
                return self._answers(checked)
            except BaseException:
                self.scene, self._taken = state
                raise

    def _answers(self, frame: CameraFrame) -> list[DelayedDetections]:
        answers = self.flush() if frame.scene != self.scene else []
        self.scene = frame.scene
        self._window.add(frame)
        self._taken += 1
        if len(self.frames) > self.delay:
            answers.append(self._answer(self.delay))
        return answers

    def _answer(self, now: int) -> DelayedDetections:
        """Detections in the frame at place ``now``."""
        frame, oldest = self.frames[now], len(self.frames) - 1
        steps = [step * self.interval for step in range(1, self.half + 1)]
        past = [min(now + step, oldest) for step in steps]
        future = [max(now - step, 0) for step in steps]
        if self.interleaved:
            others = [place for pair in zip(past, future, strict=True) for place in pair]
        else:
            others = past + future
        return DelayedDetections(self._taken - 1 - now, self.scene, frame.timestamps,
                                 frame.lidar2global, self._window.detect(now, others))
