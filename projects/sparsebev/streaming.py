"""Detection in a running video: one frame at a time, features of other frames kept."""
from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

from sparse3d.structures.camera_frame import CameraFrame, StreamedDetections
from sparse3d.transforms.camera_frames import frame_offsets
from sparsebev.frame_window import CachedFrame, FrameWindow, VideoDetector, checked_interval


class VideoStream:
    """Frames in, detections out; the whole state is :attr:`frames`.

    A frame is answered as soon as the later frames that the model wants to see are there: at
    once if it wants none, else ``delay`` frames later; the end of the scene or :meth:`flush`
    gives the rest. The answers are the offline ones on the same frames: ``interval`` apart, the
    first and the last frame of the drive repeated where there are too few. A frame that never
    comes, a camera without a picture and a start in the middle of a drive are all normal.

    Args:
        detector: in evaluation mode.
        offsets: of the frames that it reads, its own (0) first, earlier ones negative, see
            :func:`~sparse3d.transforms.camera_frames.frame_offsets`.
        interval: of so many frames that come in, one is looked at. At 12 frames a second, 6 gives
            the half seconds that the released weights were tested with.

    Attributes:
        delay: number of frames that have to follow before one is answered.
        frames: newest first, as many as the offsets reach over.
        scene: of the newest frame.

    Raises:
        ConfigError: for an interval below 1.
    """

    def __init__(self, detector: VideoDetector, offsets: Sequence[int], interval: int = 1) -> None:
        self.interval = checked_interval(interval)
        self.offsets = tuple(offset * self.interval for offset in offsets)
        self.delay = max(self.offsets)
        self.scene: Hashable = None
        self._window = FrameWindow(detector, 1 + self.delay - min(self.offsets))
        self._taken = 0

    @property
    def frames(self) -> deque[CachedFrame]:
        """What is cached."""
        return self._window.frames

    def reset(self) -> None:
        """Forget all frames, those without an answer as well."""
        self.frames.clear()
        self._taken = 0

    def flush(self) -> list[StreamedDetections]:
        """End the drive: answers for the frames that have none yet, the oldest first."""
        waiting = min(self.delay, len(self.frames))
        answers = [self._answer(place) for place in reversed(range(waiting))]
        self.reset()
        return answers

    def __call__(self, frame: CameraFrame) -> list[StreamedDetections]:
        """Take in a frame; answers that this makes possible, the oldest first.

        Without a delay that is one, of this frame. With one it is none at the beginning of a
        drive, then one each time, and with the first frame of another scene all that were still
        to come. A frame that is refused leaves no trace: the next one is answered as if it had
        not been.

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

    def _answers(self, frame: CameraFrame) -> list[StreamedDetections]:
        answers = self.flush() if frame.scene != self.scene else []
        self.scene = frame.scene
        self._window.add(frame)
        self._taken += 1
        if len(self.frames) > self.delay:
            answers.append(self._answer(self.delay))
        return answers

    def _answer(self, now: int) -> StreamedDetections:
        """Detections in the frame at place ``now``."""
        frame, oldest = self.frames[now], len(self.frames) - 1
        places = [min(max(now - offset, 0), oldest) for offset in self.offsets]
        return StreamedDetections(self._taken - 1 - now, self.scene, frame.timestamps,
                                  frame.lidar2global, self._window.detect(places))


def open_stream(detector: VideoDetector, interval: int = 1) -> VideoStream:
    """The stream of a detector, by what it states of its frames.

    Args:
        interval: see :class:`VideoStream`.
    """
    return VideoStream(detector, frame_offsets(detector.frame_kind, detector.num_frames), interval)
