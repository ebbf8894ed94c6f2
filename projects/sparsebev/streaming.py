"""Detection in a running video: one frame at a time, earlier frames' features kept."""
from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from mmengine.structures import InstanceData

from sparsebev.camera_frame import CameraFrame
from sparsebev.frame_window import CachedFrame, FrameWindow, VideoDetector, checked_interval


class VideoStream:
    """Frames in, detections out; the whole state is :attr:`frames`.

    At any time the answer is the offline one on the same frames: the frame before, the one
    before that and so on, ``interval`` apart, the oldest repeated where there are too few. A
    frame that never comes, a camera without a picture and a start in the middle of a drive
    are all normal.

    Args:
        detector: in evaluation mode, one that looks at past frames alone.
        interval: of so many frames that come in, one is a frame of the past. At 12 frames a
            second, 6 gives the half seconds that the released weights were tested with.

    Attributes:
        frames: newest first, at most ``1 + interval * (T - 1)``.

    Raises:
        ConfigError: for an interval below 1.
    """

    def __init__(self, detector: VideoDetector, interval: int = 1) -> None:
        self.interval, self.past = checked_interval(interval), detector.num_frames - 1
        self.scene: Hashable = None
        self._window = FrameWindow(detector, 1 + interval * self.past)

    @property
    def frames(self) -> deque[CachedFrame]:
        """What is cached."""
        return self._window.frames

    def reset(self) -> None:
        """Forget all frames."""
        self.frames.clear()

    def __call__(self, frame: CameraFrame) -> InstanceData:
        """Detections in the LiDAR frame of this frame.

        A frame that is refused leaves no trace: the next one is answered as if it had not been.

        Raises:
            DataError: if the frame cannot be used, has other cameras or sizes than those before,
                or is older.
        """
        scene = self.scene
        with self._window.unless_refused(frame) as checked:
            try:
                return self._answer(checked)
            except BaseException:
                self.scene = scene
                raise

    def _answer(self, frame: CameraFrame) -> InstanceData:
        if frame.scene != self.scene:
            self.reset()
            self.scene = frame.scene
        self._window.add(frame)
        oldest = len(self.frames) - 1
        return self._window.detect(
            0, [min(step * self.interval, oldest) for step in range(1, self.past + 1)])
