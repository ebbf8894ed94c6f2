"""A simulated drive as a recording: two LiDARs, six cameras, transforms, odometry.

The car and the street are those of ``simulate nuscenes`` with the same options and seed (its
scene 0): sensors see the same there and here. Beside them a second LiDAR looks ahead over the
bumper, with a rate, a layout of points and, if wanted, a clock of its own.

    /lidar_top/points                 x y z intensity ring, float32
    /lidar_front/points               big-endian, padded: ring time reflectivity x y z
    /<camera>/image/compressed        JPEG, beside /<camera>/camera_info
    /tf (odom to base_link), /tf_static, /odometry
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import atomic_file, check_place
from sparse3d.datasets.nuscenes.simulate.block import EPOCH, START, BlockWriter, key_time
from sparse3d.datasets.nuscenes.simulate.options import KEY_INTERVAL, NuScenesOptions
from sparse3d.datasets.nuscenes.simulate.rig import (
    CAMERAS,
    LIDAR,
    about_z,
    image_height,
    intrinsic,
    mounting,
)
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Progress
from sparse3d.recordings.detection_messages import Outgoing
from sparse3d.recordings.simulated_messages import (
    camera_info,
    cloud_message,
    compressed_image,
    odometry,
    transforms,
)
from sparse3d.recordings.writing import RecordingWriter
from sparse3d.simulate.conditions import Conditions
from sparse3d.simulate.lidar import Lidar, scan
from sparse3d.simulate.poses import pose
from sparse3d.simulate.scene import Scene
from sparse3d.simulate.street import random_street

BASE, WORLD = 'base_link', 'odom'
FRONT = 'LIDAR_FRONT'
FRONT_POSITION, FRONT_YAW = (3.6, 0.0, .7), 0.1
FRONT_BEAMS = np.radians(np.linspace(7.5, -7.5, 16))
POSE_RATE = 100                                   # transforms per second
DELAY = {LIDAR: 50_000_000, FRONT: 40_000_000, 'camera': 80_000_000, 'pose': 1_000_000}  # ns


@dataclass(frozen=True)
class RecordingOptions:
    """What decides the content of a simulated recording, beside the seed.

    Attributes:
        seconds: length of the drive.
        lidar_rate: sweeps per second of the LiDAR on the roof, a multiple of 2.
        front_rate: of the one in front; 0 leaves it out.
        camera_rate: pictures per second, a multiple of 2.
        image_width: of the pictures [px]; 0 leaves the cameras out.
        azimuths: LiDAR firings per full turn.
        clock_offset: seconds by which the clocks of cameras and front LiDAR are wrong.
    """

    seconds: float = 10.0
    lidar_rate: float = 20.0
    front_rate: float = 10.0
    camera_rate: float = 2.0
    image_width: int = 320
    azimuths: int = 1090
    clock_offset: float = 0.0
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        self.of_nuscenes()
        if not 0 <= self.front_rate <= 50:
            raise DataError(f'front_rate is {self.front_rate}; it must lie between 0 and 50')
        if not abs(self.clock_offset) <= 3600:
            raise DataError(f'clock_offset is {self.clock_offset} s; it must lie within an hour')

    def of_nuscenes(self) -> NuScenesOptions:
        """The options of the same drive in the layout of nuScenes."""
        return NuScenesOptions(self.seconds, self.image_width or 16, self.camera_rate,
                               self.lidar_rate, self.azimuths, self.conditions)


def simulate_recording(out: str | os.PathLike, seed: int = 0,
                       options: RecordingOptions | None = None) -> int:
    """Write a simulated drive; returns the number of messages.

    Args:
        out: a ``.mcap`` file; any other name becomes a ROS 2 bag folder with sqlite3 storage.
        seed: same seed and options, same messages.

    Raises:
        ConfigError: for a negative seed.
        DataError: if it cannot be written, or a bag folder is there already.
        BackendUnavailable: if the extra ``recordings`` is not installed.
    """
    options, out = options or RecordingOptions(), Path(out)
    check_place(out)
    if seed < 0:
        raise ConfigError(f'seed is {seed}; it may not be negative')
    scene = options.conditions.apply(random_street(
        np.random.default_rng((seed, 0)), START + options.seconds, options.conditions.people))
    drive = _Drive(scene, seed, options)
    opened = _mcap(out) if out.suffix.lower() == '.mcap' else _bag(out)
    with opened as write:
        samples = options.of_nuscenes().samples
        progress, count, held = Progress('simulated moments', samples), 0, drive.static()
        for sample in range(samples):
            held += drive.block(sample)
            until = drive.time_of(key_time(sample))
            held.sort(key=lambda made: made.log_time)
            while held and (held[0].log_time <= until or sample == samples - 1):
                write(held.pop(0))
                count += 1
            progress.advance(out.name)
    return count


class _Drive:
    """What the sensors send while a scene is driven through."""

    def __init__(self, scene: Scene, seed: int, options: RecordingOptions) -> None:
        self._scene, self._seed, self._options = scene, seed, options
        self._files: dict[str, bytes] = {}
        self._writer = BlockWriter(
            Path(), scene, 0, options.lidar_rate, options.camera_rate, options.azimuths,
            options.image_width or 16, seed, self._keep, bool(options.image_width))
        self._front = Lidar(FRONT_BEAMS, max(options.azimuths // 2, 8), field_of_view=120,
                            max_range=80.0, ego_from_lidar=pose(np.array(FRONT_POSITION),
                                                                FRONT_YAW))

    def _keep(self, path: Path, content: bytes) -> None:
        self._files[str(path)] = content

    @staticmethod
    def time_of(seconds: float) -> int:
        """Nanoseconds of a time of the scene."""
        return (EPOCH + round(seconds * 1e6)) * 1000

    def static(self) -> list[Outgoing]:
        """Where the sensors sit, and how the cameras look: sent once, first."""
        edges = [(BASE, name.lower(), *mounting(name)) for name in (LIDAR, *self._cameras())]
        edges.append((BASE, FRONT.lower(), list(FRONT_POSITION), about_z(FRONT_YAW)))
        time = self.time_of(0.0)
        return [Outgoing('/tf_static', transforms(edges, time), time)]

    def block(self, sample: int) -> list[Outgoing]:
        """All messages after the moment before, up to this one."""
        made = []
        for entry in self._writer.look(sample)['data']:
            content = self._files.pop(entry['filename'])
            send = self._cloud if entry['channel'] == LIDAR else self._picture
            made += send(entry, content)
        begin = key_time(sample) - KEY_INTERVAL if sample else 0.0
        end = key_time(sample)
        for step in _steps(begin, end, POSE_RATE):
            made += self._pose(step / POSE_RATE)
        if self._options.front_rate:
            for step in _steps(begin, end, self._options.front_rate):
                made.append(self._front_cloud(step))
        return made

    def _cameras(self) -> tuple[str, ...]:
        return tuple(CAMERAS) if self._options.image_width else ()

    def _shifted(self, time: int) -> int:
        """The time as a clock shows it that is wrong."""
        return time + round(self._options.clock_offset * 1e9)

    def _cloud(self, entry: dict, content: bytes) -> list[Outgoing]:
        points = np.frombuffer(content, '<f4').reshape(-1, 5)
        time = entry['timestamp'] * 1000
        columns = dict(zip(('x', 'y', 'z', 'intensity', 'ring'), points.T, strict=True))
        return [Outgoing('/lidar_top/points', cloud_message(columns, time, LIDAR.lower()),
                         time + DELAY[LIDAR])]

    def _picture(self, entry: dict, content: bytes) -> list[Outgoing]:
        camera, time = entry['channel'], entry['timestamp'] * 1000
        name, shown = camera.lower(), self._shifted(time)
        width = self._options.image_width
        info = camera_info(intrinsic(camera, width), width, image_height(width), shown, name)
        return [Outgoing(f'/{name}/camera_info', info, time + DELAY['camera'] - 1),
                Outgoing(f'/{name}/image/compressed', compressed_image(content, shown, name),
                         time + DELAY['camera'])]

    def _pose(self, seconds: float) -> list[Outgoing]:
        matrix, time = self._scene.world_from_ego(seconds), self.time_of(seconds)
        turn = about_z(float(np.arctan2(matrix[1, 0], matrix[0, 0])))  # the car is level
        place = matrix[:3, 3].tolist()
        return [Outgoing('/tf', transforms([(WORLD, BASE, place, turn)], time),
                         time + DELAY['pose']),
                Outgoing('/odometry', odometry(place, turn, time), time + DELAY['pose'])]

    def _front_cloud(self, step: int) -> Outgoing:
        seconds = step / self._options.front_rate
        sweep = scan(self._scene.snapshot(seconds), self._front,
                     np.random.default_rng((self._seed, 1, step)))
        time, x_y_z = self.time_of(seconds), sweep.points[:, :3].T
        columns = {
            'ring': sweep.beams.astype(np.uint16),
            'time': np.zeros(len(sweep.points), np.float32),  # all of it is seen at one instant
            'reflectivity': np.round(sweep.points[:, 3] * 255).astype(np.uint8),
            **dict(zip('xyz', x_y_z, strict=True))}
        made = cloud_message(columns, self._shifted(time), FRONT.lower(), padding=5,
                             big_endian=True)
        return Outgoing('/lidar_front/points', made, time + DELAY[FRONT])


def _steps(begin: float, end: float, rate: float) -> range:
    """Numbers of the times in (begin, end], from 0 on."""
    first = 0 if begin <= 0 else int(np.floor(begin * rate + 1e-6)) + 1
    return range(first, int(np.floor(end * rate + 1e-6)) + 1)


Write = Callable[[Outgoing], Any]


@contextmanager
def _mcap(path: Path) -> Iterator[Write]:
    with atomic_file(path) as stream:
        writer = RecordingWriter(stream)
        yield writer.write
        writer.finish()


def _bag(path: Path) -> AbstractContextManager[Write]:
    from sparse3d.recordings.bag_writing import bag_folder
    return bag_folder(path)
