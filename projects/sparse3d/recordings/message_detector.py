"""Messages of sensors in, messages with boxes and tracks out; no ROS, no files."""
from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.detection_messages import Outgoing, detection_array, scene_update
from sparse3d.recordings.foreign_text import shown, shown_frame
from sparse3d.recordings.frame_assembler import AssemblyOptions, FrameAssembler
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.sensor_frames import CameraImage, SensorFrame
from sparse3d.recordings.stages import Stages
from sparse3d.recordings.topics import Choice
from sparse3d.structures.detections import Detections
from sparse3d.tracking import Tracker, make_tracker
from sparse3d.transforms.camera_frames import frame_offsets

MAX_INTERVAL = 3600.0  # seconds


class ArrayDetector(Protocol):
    """A detector of arrays, as ``load_detector`` gives it: ``samples`` says what it takes."""

    samples: Any

    def __call__(self, points: Any = None, images: Any = None, calibration: Any = None,
                 score_threshold: float = 0.0) -> Detections:
        """Boxes in one moment."""


@dataclass(frozen=True)
class DetectionOptions:
    """What a user chooses about the boxes.

    Attributes:
        score_threshold: boxes below are left out.
        tracker: name of a tracker; empty for none.
        tracker_options: of it, by name.
        interval: seconds between the moments that a model of several camera frames looks at.
        prefix: of the topics that are written.
    """

    score_threshold: float = 0.3
    tracker: str = ''
    tracker_options: Mapping[str, Any] = field(default_factory=dict)
    interval: float = 0.5
    prefix: str = '/sparse3d'

    def __post_init__(self) -> None:
        if not 0 < self.interval <= MAX_INTERVAL:
            raise ConfigError(f'the interval of camera frames is {self.interval} s; give a '
                              f'positive number up to {MAX_INTERVAL:g}')


class MessageDetector:
    """A detector behind topics: what a ROS 2 node or the reader of a recording calls.

    Args:
        detector: of arrays.
        choice: which topics are used.
        left_out: counts what cannot be used.
        options: of the boxes.
        assembly: of the moments.

    Attributes:
        topics: whose messages are of use.
        stages: times of the work.
        moments, boxes: how many there were.
        identities: ids of tracks.
    """

    def __init__(self, detector: ArrayDetector, choice: Choice, left_out: LeftOut | None = None,
                 options: DetectionOptions | None = None,
                 assembly: AssemblyOptions | None = None) -> None:
        self.options, self.stages = options or DetectionOptions(), Stages()
        self.moments = self.boxes = 0
        self.identities: set[int] = set()
        self.topics = choice.topics
        self._detector, self._left_out = detector, LeftOut() if left_out is None else left_out
        samples = detector.samples
        self._cameras = tuple(samples.cameras)
        self._assembler = FrameAssembler(choice, self._left_out, samples.names, self._cameras,
                                         samples.sweeps, assembly, self.stages)
        self._window = _CameraWindow(frame_offsets(samples.frame_kind, samples.frames)
                                     if samples.frames > 1 else (0,), self.options.interval)
        self._tracker: Tracker | None = make_tracker(
            self.options.tracker, self.options.tracker_options) if self.options.tracker else None
        self._tracked_with_pose: bool | None = None
        self._jumps = 0

    def take(self, topic: str, message: Any, log_time: int) -> list[Outgoing]:
        """Take in a message of a topic; the messages that it gives rise to.

        Args:
            topic: see ``choice``; others are passed over.
            message: with the fields of its ROS 2 type: of rclpy, of rosbags, or alike.
            log_time: when it came [ns].
        """
        frames = self._assembler.take(topic, message, log_time)
        if self._assembler.jumps != self._jumps:
            self._begin_anew()
        return [out for frame in frames for ready in self._window.add(frame)
                for out in self._answer(*ready)]

    def flush(self) -> list[Outgoing]:
        """What still waits for messages that will not come."""
        frames = self._assembler.flush()
        ready = [one for frame in frames for one in self._window.add(frame)]
        return [out for one in [*ready, *self._window.flush()] for out in self._answer(*one)]

    def _begin_anew(self) -> None:
        self._jumps = self._assembler.jumps
        self._window.clear()
        self._tracked_with_pose = None
        if self._tracker is not None:
            self._tracker.reset()

    def _answer(self, frame: SensorFrame, views: list[SensorFrame]) -> list[Outgoing]:
        try:
            found = self._detect(frame, views)
        except DataError as error:
            self._left_out.add('moments', str(error)[:160])
            return []
        self.moments += 1
        self.boxes += len(found)
        with self.stages('messages'):
            made = self._messages('detections', 'scene', found, frame)
        if self._tracker is None or not self._can_track(frame):
            return made
        with self.stages('tracker'):
            tracks = self._tracker.update(found, frame.stamp / 1e9, frame.fixed_from_frame)
        self.identities.update(map(int, tracks.ids))
        with self.stages('messages'):
            return made + self._messages('tracks', 'track_scene', tracks, frame)

    def _messages(self, boxes: str, scene: str, found: Any, frame: SensorFrame) -> list[Outgoing]:
        made = {boxes: detection_array(found, frame.stamp, frame.frame),
                scene: scene_update(found, frame.stamp, frame.frame)}
        out = [Outgoing(f'{self.options.prefix}/{name}', each, frame.log_time)
               for name, each in made.items()]
        for each in out:
            each.data  # noqa: B018  (encoded here, so that it is timed here)
        return out

    def _can_track(self, frame: SensorFrame) -> bool:
        """Whether poses are there as they were before: in all moments, or in none."""
        with_pose = frame.fixed_from_frame is not None
        if self._tracked_with_pose is None:
            self._tracked_with_pose = with_pose
        if not with_pose:
            self._left_out.add('moments', f'nothing says how {shown_frame(frame.frame)} moves '
                               f'(/tf or odometry): tracks are those of a sensor that stands still')
        if self._tracked_with_pose != with_pose:
            self._left_out.add('moments', 'not tracked: no pose' if not with_pose else
                               'not tracked: earlier moments had no pose')
        return self._tracked_with_pose == with_pose

    def _detect(self, frame: SensorFrame, views: list[SensorFrame]) -> Detections:
        images = calibration = None
        if self._cameras:
            with self.stages('decoding'):
                images, calibration = self._pictures(frame, views)
        with self.stages('model'):
            found = self._detector(frame.points, images, calibration,
                                   score_threshold=self.options.score_threshold)
        return replace(found, points=None, name=f'{frame.stamp}')

    def _pictures(self, now: SensorFrame, views: list[SensorFrame]
                  ) -> tuple[list[np.ndarray | None], dict[str, np.ndarray]]:
        """Pictures of all cameras of all frames, newest first, and how they look at ``now``."""
        images: list[np.ndarray | None] = []
        cam2img, lidar2cam = np.tile(np.eye(4), (2, len(views) * len(self._cameras), 1, 1))
        times = np.zeros(len(cam2img))
        for frame in views:
            for camera in self._cameras:
                place, image = len(images), frame.images.get(camera)
                times[place] = (image.stamp if image else frame.stamp) / 1e9
                images.append(None)
                if image is None:
                    continue
                try:
                    pixels = image.pixels()
                except DataError as error:
                    self._left_out.add(f'pictures of {shown(image.topic)}', str(error)[:160])
                    continue
                images[place] = pixels
                cam2img[place, :3, :3] = image.lens.matrix_for(pixels)
                lidar2cam[place] = _from_now(image, frame.frame_to_camera[camera], now)
        if all(image is None for image in images[:len(self._cameras)]):
            raise DataError('no camera delivered a picture')
        pose = np.eye(4) if now.fixed_from_frame is None else now.fixed_from_frame
        return images, dict(cam2img=cam2img, lidar2cam=lidar2cam, timestamps=times,
                            lidar2global=pose)


def _from_now(image: CameraImage, then: np.ndarray, now: SensorFrame) -> np.ndarray:
    """``camera_then_from_frame_now``; ``then`` where nothing is known to move."""
    if image.fixed_from_camera is None or now.fixed_from_frame is None:
        return then
    return np.linalg.inv(image.fixed_from_camera) @ now.fixed_from_frame


class _CameraWindow:
    """The moments that a model of several camera frames looks at, chosen by time.

    Args:
        offsets: of the frames that are looked at, 0 first, in intervals.
        interval: in seconds.
    """

    def __init__(self, offsets: tuple[int, ...], interval: float) -> None:
        self._offsets, self._step = offsets, round(interval * 1e9)
        self._kept: deque[SensorFrame] = deque()
        self._waiting: deque[SensorFrame] = deque()

    def clear(self) -> None:
        """Forget all: another time begins."""
        self._kept.clear()
        self._waiting.clear()

    def add(self, frame: SensorFrame) -> list[tuple[SensorFrame, list[SensorFrame]]]:
        """Take in a moment; those that can be answered now, each with the frames to look at."""
        if len(self._offsets) == 1:
            return [(frame, [frame])]
        self._kept.append(frame)
        self._waiting.append(frame)
        ready = []
        reach = max(self._offsets) * self._step
        while self._waiting and frame.stamp >= self._waiting[0].stamp + reach:
            ready.append(self._chosen(self._waiting.popleft()))
        self._forget_old()
        return ready

    def flush(self) -> list[tuple[SensorFrame, list[SensorFrame]]]:
        """Those that wait for later ones, with the last one in their place."""
        ready = [self._chosen(frame) for frame in self._waiting]
        self.clear()
        return ready

    def _chosen(self, now: SensorFrame) -> tuple[SensorFrame, list[SensorFrame]]:
        return now, [now if not offset else min(
            self._kept, key=lambda one: abs(one.stamp - now.stamp - offset * self._step))
            for offset in self._offsets]

    def _forget_old(self) -> None:
        oldest = (self._waiting[0] if self._waiting else self._kept[-1]).stamp
        oldest += (min(self._offsets) - 1) * self._step
        while self._kept and self._kept[0].stamp < oldest:
            self._kept.popleft()
        for frame in self._kept:
            for image in frame.images.values():
                if image is not None:
                    image.release()
