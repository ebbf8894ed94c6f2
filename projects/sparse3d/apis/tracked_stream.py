"""Streams that give tracks: a detector with a tracker behind it."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np

from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks
from sparse3d.tracking.choose import make_tracker
from sparse3d.tracking.tracker import Tracker, follow


class FrameDetector(Protocol):
    """What :class:`TrackedStream` asks for the detections of a frame."""

    def __call__(self, points: Any = None, images: Any = None, calibration: Any = None,
                 score_threshold: float = 0.0) -> Any:
        """See :class:`sparse3d.apis.detector.Detector`."""


def chosen_tracker(tracker: str | Tracker, options: Mapping[str, Any] | None) -> Tracker:
    """A tracker by name, or the one that is given.

    Raises:
        ConfigError: for an unknown name or option.
    """
    return make_tracker(tracker, options) if isinstance(tracker, str) else tracker


class TrackedStream:
    """Frames in, tracks out, for detectors that look at single frames.

    Attributes:
        tracker: whose state is all that is kept.
    """

    def __init__(self, detector: FrameDetector, tracker: Tracker) -> None:
        self.tracker, self._detector = tracker, detector
        self._scene: Hashable = None
        self._started = False

    def __call__(self, points: np.ndarray | str | PathLike | None = None,
                 images: Sequence | Mapping | None = None,
                 calibration: Mapping[str, Any] | None = None, *, timestamp: float,
                 ego_pose: np.ndarray | None = None, scene: Hashable = None,
                 score_threshold: float = 0.0) -> Tracks:
        """Go on by a frame.

        Args:
            points, images, calibration, score_threshold: see
                :class:`sparse3d.apis.detector.Detector`.
            timestamp: [s]; later than that of the frame before.
            ego_pose: (4, 4) LiDAR frame to a frame that stands still; None, in all frames, if the
                sensor stands still.
            scene: its drive; where another one begins, all tracks end.

        Raises:
            DataError: for inputs that the model does not take, or a frame that cannot be tracked;
                the state is then as it was.
        """
        found = self._detector(points, images, calibration, score_threshold=score_threshold)
        tracks = follow(self.tracker, found, timestamp, ego_pose,
                        self._started and scene != self._scene)
        self._scene, self._started = scene, True
        return tracks

    def reset(self) -> None:
        """A new scene begins."""
        self.tracker.reset()


class TrackedVideo:
    """Frames in, tracks out, for a stream that keeps what a temporal model remembers.

    Args:
        stream: gives answers with ``instances``, ``timestamps``, ``lidar2global`` and ``scene``.
        tracker: behind it.
        detections_of: ``(instances, name) -> Detections``.
    """

    def __init__(self, stream: Any, tracker: Tracker,
                 detections_of: Callable[[Any, str], Detections]) -> None:
        self.stream, self.tracker, self._detections_of = stream, tracker, detections_of
        self._scene: Hashable = None
        self._started = False

    def __call__(self, frame: Any) -> list[Tracks]:
        """Tracks of the frames that are answered now, the oldest first; see the stream."""
        return [self._track(answer) for answer in self.stream(frame)]

    def flush(self) -> list[Tracks]:
        """End the drive: tracks of the frames that have none yet."""
        return [self._track(answer) for answer in self.stream.flush()]

    def reset(self) -> None:
        """Forget all frames and tracks."""
        self.stream.reset()
        self.tracker.reset()

    def _track(self, answer: Any) -> Tracks:
        found = self._detections_of(answer.instances, f'{answer.scene} {answer.number}')
        tracks = follow(self.tracker, found, float(answer.timestamps[0]), answer.lidar2global,
                        self._started and answer.scene != self._scene)
        self._scene, self._started = answer.scene, True
        return tracks
