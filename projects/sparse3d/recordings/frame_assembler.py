"""Messages in, moments out: clouds, pictures and poses that belong together.

A moment is a cloud of the first LiDAR, or without LiDAR a round of pictures. It is given out as
soon as the transforms and the other sensors reach it, or after ``wait`` seconds of the recording.
"""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.clocks import CLOCKS, Clocks
from sparse3d.recordings.cloud_merging import CloudPlacer, StampedCloud, SweepHistory
from sparse3d.recordings.foreign_text import shown, shown_frame
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.pictures import Lens
from sparse3d.recordings.sensor_frames import CameraImage, SensorFrame
from sparse3d.recordings.stages import Stages
from sparse3d.recordings.topics import Choice
from sparse3d.recordings.transform_tree import MissingTransform, TransformTree
from sparse3d.transforms.given_arrays import EarlierSweeps

NEAREST_CLOUD = 10 ** 8 + 10 ** 7   # ns that clouds of several LiDARs lie apart at most
PICTURE_AHEAD = 2 * 10 ** 7         # ns that a picture may be later than its moment
PICTURE_LOST = 1_200_000_000        # ns without a picture after which a camera counts as lost
KEPT = 24                           # messages of another LiDAR or of a camera that wait


@dataclass(frozen=True)
class AssemblyOptions:
    """What a user chooses.

    Attributes:
        frame: of points and boxes; default: that of the first LiDAR.
        fixed_frame: that stands still; default ``odom``, or the highest.
        clock: see :class:`~sparse3d.recordings.clocks.Clocks`.
        deskew: move points from the time at which each was measured.
        rate: moments per second at most; 0 for all.
        wait: seconds that a moment waits for what belongs to it.

    Raises:
        ConfigError: for a rate or time below 0 or infinite, or an unknown clock.
    """

    frame: str = ''
    fixed_frame: str = ''
    clock: str = 'aligned'
    deskew: bool = False
    rate: float = 0.0
    wait: float = 0.25

    def __post_init__(self) -> None:
        if not (0 <= self.rate < math.inf and 0 <= self.wait < math.inf):
            raise ConfigError(f'rate is {self.rate} and wait {self.wait}; neither may be negative '
                              f'or without an end')
        if self.clock not in CLOCKS:
            raise ConfigError(f'the clock is {self.clock!r}; there are {", ".join(CLOCKS)}')


@dataclass(frozen=True)
class _Moment:
    stamp: int
    log_time: int
    cloud: StampedCloud | None
    arrived: int


class FrameAssembler:
    """See above. Memory is bounded by what waits and by the sweeps that the model wants.

    Args:
        choice: which topics are used.
        left_out: counts what cannot be used.
        columns: of the points; empty for a model without.
        cameras: of the model, in its order.
        sweeps: earlier moments that the model wants.
        options: what a user chose.
        stages: times the work.
    """

    def __init__(self, choice: Choice, left_out: LeftOut, columns: Sequence[str],
                 cameras: Sequence[str] = (), sweeps: EarlierSweeps | None = None,
                 options: AssemblyOptions | None = None, stages: Stages | None = None) -> None:
        self.options, self.choice, self.tree = options or AssemblyOptions(), choice, TransformTree()
        self.jumps = 0
        self._left_out, self._stages = left_out, stages or Stages()
        self._columns, self._cameras = tuple(columns), tuple(cameras)
        self._clocks = Clocks(self.options.clock, choice.offsets)
        self._placer = CloudPlacer(self.tree, columns or ('x', 'y', 'z'), left_out,
                                   self.options.deskew)
        self._history = SweepHistory(sweeps or EarlierSweeps(), self._columns)
        self._sweeps = sweeps or EarlierSweeps()
        self._others = {name: deque[StampedCloud](maxlen=KEPT) for name in choice.clouds[1:]}
        self._images = {camera: deque[tuple[int, Any]](maxlen=KEPT) for camera in choice.images}
        self._camera_of = {topic: camera for camera, topic in choice.images.items()}
        self._moving = {*choice.static, *choice.transforms, *choice.odometry}
        self._fields = _telling_fields(choice)
        self._lenses: dict[str, Lens | None] = {}
        self._image_of_info: dict[str, list[str]] = {}
        for image, info in choice.infos.items():
            self._image_of_info.setdefault(info, []).append(image)
        self._used_images: dict[str, int] = {}
        self._waiting: deque[_Moment] = deque()
        self._newest = self._last_given = self._seen = 0  # log time, stamps [ns]

    def take(self, topic: str, message: Any, log_time: int) -> list[SensorFrame]:
        """Take in a message; the moments that it completes, the oldest first.

        Args:
            topic: of the message; others than the chosen ones are passed over.
            message: with the fields of its ROS 2 type.
            log_time: when it came, in nanoseconds.
        """
        self._newest = max(self._newest, log_time)
        fields = self._fields.get(topic, ())
        if fields and not any(hasattr(message, name) for name in fields):
            self._left_out.add(f'messages of {shown(topic)}', 'of another type than those that its '
                               'topic was chosen for')
        elif topic in self._moving:
            self._take_transforms(topic, message)
        elif topic in self._image_of_info:
            self._take_info(topic, message)
        elif topic in self.choice.clouds or topic in self._camera_of:
            self._take_sensor(topic, message, log_time)
        return self._ready()

    def flush(self) -> list[SensorFrame]:
        """The moments that still wait: nothing will follow."""
        frames = []
        while self._waiting:
            frames += self._frame(self._waiting.popleft())
        return frames

    def _take_transforms(self, topic: str, message: Any) -> None:
        if topic in self.choice.odometry:
            unusable = self.tree.add_odometry(message)
        else:
            unusable = self.tree.add(message, static=topic in self.choice.static)
        if unusable:
            self._left_out.add(f'transforms of {shown(topic)}', 'a place or rotation that is none '
                               '(NaN, or too large)', unusable)

    def _take_info(self, topic: str, message: Any) -> None:
        for image in self._image_of_info[topic]:
            try:
                self._lenses[image] = Lens(message, image in self.choice.rectified)
            except DataError as error:
                self._left_out.add(f'messages of {shown(topic)}', str(error))
                self._lenses.setdefault(image, None)

    def _take_sensor(self, topic: str, message: Any, log_time: int) -> None:
        reading = self._clocks.read(topic, message, log_time)
        if reading.fault:
            self._left_out.add(f'messages of {shown(topic)}', reading.fault)
            return
        anchor = self.choice.clouds[0] if self.choice.clouds else None
        if reading.jump:
            leads = topic == anchor or anchor is None
            self._left_out.add(f'jumps of the clock of {shown(topic)}', 'sweeps, transforms and '
                               'tracks begin anew' if leads else 'what it sent before is not used')
            if leads:
                self._begin_anew()
            self._others.get(topic, deque()).clear()
            self._images.get(self._camera_of.get(topic, ''), deque()).clear()
        if topic in self._camera_of:
            camera = self._camera_of[topic]
            self._images[camera].append((reading.stamp, message))
            self._forget_old(camera)
            if anchor is None and self._all_new(reading.stamp):
                self._waiting.append(_Moment(reading.stamp, log_time, None, log_time))
                self._used_images = {each: images[-1][0] for each, images in self._images.items()
                                     if images}
        else:
            cloud = StampedCloud(topic, reading.stamp, message)
            if topic == anchor:
                self._waiting.append(_Moment(reading.stamp, log_time, cloud, log_time))
            else:
                self._others[topic].append(cloud)

    def _forget_old(self, camera: str) -> None:
        """Keep of the pictures before the oldest moment that waits the newest one."""
        images = self._images[camera]
        oldest = self._waiting[0].stamp if self._waiting else self._seen
        while len(images) > 1 and images[1][0] <= oldest:
            images.popleft()

    def _begin_anew(self) -> None:
        """The clock jumped: what waits is given up, and what was before is not compared."""
        if self._waiting:
            self._left_out.add('moments', 'the clock jumped before they were complete',
                               len(self._waiting))
        self._waiting.clear()
        self._history.clear()
        self.tree.forget_moving()
        self._used_images.clear()
        self._last_given = self._seen = 0
        self.jumps += 1

    def _ready(self) -> list[SensorFrame]:
        frames: list[SensorFrame] = []
        while self._waiting and self._is_complete(self._waiting[0]):
            frames += self._frame(self._waiting.popleft())
        return frames

    def _is_complete(self, moment: _Moment) -> bool:
        if self._newest - moment.arrived >= self.options.wait * 1e9:
            return True
        later = moment.stamp + (10 ** 8 if self.options.deskew else 0)
        if not all(clouds and clouds[-1].stamp >= later for clouds in self._others.values()):
            return False
        if not all(images and images[-1][0] >= moment.stamp for images in self._images.values()):
            return False
        frame = self._frame_of(moment)
        return self.tree.moves(frame) and self.tree.reaches(frame, later)

    def _frame_of(self, moment: _Moment) -> str:
        """The frame of points and boxes."""
        if self.options.frame:
            return self.options.frame.lstrip('/')
        if moment.cloud is not None:
            return moment.cloud.message.header.frame_id.lstrip('/')
        message = next(images[-1][1] for images in self._images.values() if images)
        return self.tree.base_frame(message.header.frame_id)

    def _frame(self, moment: _Moment) -> list[SensorFrame]:
        """The moment as arrays: one, or none if it cannot be used or is not wanted."""
        frame, self._seen = self._frame_of(moment), moment.stamp
        try:
            fixed = self.tree.fixed_frame(frame, self.options.fixed_frame)
            if fixed is None and self.options.fixed_frame:
                raise MissingTransform(f'{shown(self.options.fixed_frame)} (--fixed-frame) is not '
                                       f'above {shown_frame(frame)}')
            pose = None if fixed is None else self.tree.lookup(fixed, frame, moment.stamp)
        except MissingTransform as error:
            self._left_out.add('poses', f'{error}; sweeps and tracks go without')
            fixed = pose = None
        points = None
        if moment.cloud is not None and self._columns:
            with self._stages('clouds'):
                points = self._points(moment, frame, fixed)
            if points is None:
                return []
        wanted = self._is_wanted(moment)
        result = [self._given(moment, frame, fixed, pose, points)] if wanted else []
        if points is not None:
            self._history.add(points, moment.stamp, pose)
        return result

    def _is_wanted(self, moment: _Moment) -> bool:
        if self._cameras and moment.cloud is not None and not self._all_new(moment.stamp):
            return False
        rate = self.options.rate
        if rate and self._last_given and moment.stamp - self._last_given < (1 / rate - 1e-3) * 1e9:
            return False
        self._last_given = moment.stamp
        return True

    def _all_new(self, stamp: int) -> bool:
        """Whether each camera that works has a picture that no moment had before."""
        fresh = False
        for camera, images in self._images.items():
            there = [taken for taken, _ in images if taken <= stamp + PICTURE_AHEAD]
            if there and there[-1] > self._used_images.get(camera, -1):
                fresh = True
            elif there and stamp - there[-1] < PICTURE_LOST:
                return False
        return fresh

    def _points(self, moment: _Moment, frame: str, fixed: str | None) -> np.ndarray | None:
        """Points of all LiDARs at a moment, without their age."""
        own = self._placer.place(moment.cloud, frame, moment.stamp, fixed)
        if own is None:
            return None
        parts = [own]
        for topic, clouds in self._others.items():
            near = min(clouds, key=lambda cloud: abs(cloud.stamp - moment.stamp), default=None)
            if near is None or abs(near.stamp - moment.stamp) > NEAREST_CLOUD:
                self._left_out.add('moments', f'without a cloud of {shown(topic)} within '
                                   f'{NEAREST_CLOUD / 1e9:g} s')
                continue
            placed = self._placer.place(near, frame, moment.stamp, fixed)
            parts += [] if placed is None else [placed]
        return np.concatenate(parts)

    def _given(self, moment: _Moment, frame: str, fixed: str | None, pose: np.ndarray | None,
               points: np.ndarray | None) -> SensorFrame:
        if points is not None:
            with self._stages('sweeps'):
                if pose is None and self._sweeps.count:
                    self._left_out.add('moments', f'without earlier sweeps: nothing says how '
                                       f'{shown_frame(frame)} moves (/tf or odometry)')
                points = self._history.with_earlier(points, moment.stamp, pose)
        images = {camera: self._image(camera, moment, frame, fixed)
                  for camera in self._cameras}
        there = {camera: found for camera, found in images.items() if found is not None}
        return SensorFrame(
            moment.stamp, moment.log_time, frame, points,
            {camera: found[0] if found else None for camera, found in images.items()},
            {camera: matrix for camera, (_, matrix) in there.items()}, pose, fixed or '')

    def _image(self, camera: str, moment: _Moment, frame: str,
               fixed: str | None) -> tuple[CameraImage, np.ndarray] | None:
        """The picture of a camera at a moment, and where the frame lies to the camera."""
        topic = self.choice.images.get(camera, '')
        there = [pair for pair in self._images.get(camera, ())
                 if -PICTURE_LOST < pair[0] - moment.stamp <= PICTURE_AHEAD]
        lens = self._lenses.get(topic)
        if not there or lens is None:
            why = 'without a picture' if not there else 'without a camera_info'
            self._left_out.add('moments', f'{why} of {shown(topic or camera)}')
            return None
        stamp, message = min(there, key=lambda pair: abs(pair[0] - moment.stamp))
        own = message.header.frame_id
        try:
            then = None if fixed is None else self.tree.lookup(fixed, own, stamp)
            matrix = (self.tree.lookup(own, frame, moment.stamp) if then is None else
                      np.linalg.inv(then) @ self.tree.lookup(fixed, frame, moment.stamp))
        except MissingTransform as error:
            self._left_out.add(f'pictures of {shown(topic)}', str(error))
            return None
        self._used_images[camera] = stamp
        return CameraImage(topic, stamp, message, lens, then, own), matrix


def _telling_fields(choice: Choice) -> dict[str, tuple[str, ...]]:
    """By topic the fields of which messages of its types have one, and of other types none."""
    return {**dict.fromkeys(choice.clouds, ('point_step', )),
            **dict.fromkeys(choice.images.values(), ('encoding', 'format')),
            **dict.fromkeys(choice.infos.values(), ('distortion_model', )),
            **dict.fromkeys((*choice.static, *choice.transforms), ('transforms', )),
            **dict.fromkeys(choice.odometry, ('child_frame_id', ))}
