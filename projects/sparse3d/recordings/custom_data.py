"""Frames of a recording as a custom data set: points, pictures, calibration, times and poses.

    root/points/<name>.npy               x, y, z [m], intensity, float32
    root/images/<camera>/<name>.jpg      as recorded; straightened and .png where the lens bends
    root/calibration.json, frames.json   see docs/custom_data.md
"""
from __future__ import annotations

import io
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sparse3d.atomic_files import check_place, make_folder, move_file, write_bytes_atomically
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Activity
from sparse3d.recordings.foreign_text import file_name, shown
from sparse3d.recordings.frame_assembler import AssemblyOptions, FrameAssembler
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_types import COMPRESSED_IMAGE, IMAGE, Decoder
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.sensor_frames import CameraImage, SensorFrame
from sparse3d.recordings.topics import LateTopics, Topic, choose, look_for
from sparse3d.recordings.transform_tree import MissingTransform

COLUMNS = ('x', 'y', 'z', 'intensity')
_ENDINGS = ('image', 'compressed', 'image_raw', 'image_color', 'image_rect', 'image_rect_color',
            'image_rect_raw', 'raw')
_UNFINISHED = '.frames.tmp'  # in a folder that was there before
_FORMATS = {b'\xff\xd8\xff': '.jpg', b'\x89PN': '.png'}


@dataclass(frozen=True)
class CustomFramesReport:
    """What :func:`frames_of_recording` wrote.

    Attributes:
        root: of the data set.
        frames: how many.
        pictures: by camera.
        left_out: what of the recording was not used, a sentence each.
    """

    root: Path
    frames: int
    pictures: Mapping[str, int]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        pictures = ''.join(f', {count} pictures of {name}'
                           for name, count in self.pictures.items())
        return (f'{self.frames} frames{pictures} in {self.root}; put labels into boxes/ '
                f'(docs/custom_data.md), then sparse3d create-data custom {self.root}')


def frames_of_recording(recording: str | os.PathLike, root: str | os.PathLike,
                        clouds: Sequence[str] = (), images: Mapping[str, str] | None = None,
                        odometry: str = '',
                        options: AssemblyOptions | None = None) -> CustomFramesReport:
    """Write frames of a recording, ready to be labeled.

    Args:
        recording: MCAP file or ROS 2 bag.
        root: folder of the data set, which is new or empty.
        clouds: topics of the LiDARs, the leading one first; default: all.
        images: topic of each camera; None takes all, named after their topics.
        odometry: topic that says how the vehicle moves, where /tf does not.
        options: of the moments; its rate says how many frames there are.

    Raises:
        DataError: if the folder holds something, the recording cannot be read, or no moment of it
            can be used; nothing is written then.
        ConfigError: for topics that are not there.
        BackendUnavailable: if the extra ``recordings`` is not installed.
    """
    root, left_out = Path(root), LeftOut()
    if root.exists() and (not root.is_dir() or any(
            child.name != _UNFINISHED for child in root.iterdir())):
        raise DataError(f'{root} is there and not empty; choose another folder')
    check_place(root)
    topics = look_for(recording, (*clouds, *(images or {}).values(), odometry))
    named = _cameras(topics) if images is None else dict(images)
    _refuse_one_name(named)
    named = {file_name(camera): topic for camera, topic in named.items()}
    choice = choose(topics, left_out, True, tuple(named), clouds, named, odometry)
    assembler = FrameAssembler(choice, left_out, COLUMNS, tuple(named), options=options)
    with _new_folder(root) as folder:
        writer = _FrameWriter(folder, file_name(Path(recording).stem), assembler, left_out)
        with Activity(lambda: f'{len(writer.times)} frames'):
            decoder, late = Decoder(left_out), LateTopics(
                topics, left_out, not clouds, images is None, not choice.odometry)
            for raw in read_messages(recording, left_out):
                late.note(raw)
                if raw.channel.topic in choice.topics:
                    message = decoder.decode(raw)
                    if message is not None:
                        writer.add(assembler.take(raw.channel.topic, message, raw.log_time))
            writer.add(assembler.flush())
        if not writer.times:
            raise DataError(f'no moment of {recording} could be used: '
                            f'{"; ".join(left_out.sentences()) or "it has no clouds"}')
        writer.finish()
    return CustomFramesReport(root, len(writer.times), writer.pictures,
                              tuple(left_out.sentences()))


def _cameras(topics: Mapping[str, Topic]) -> dict[str, str]:
    """All image topics by a name of their camera; compressed pictures before raw ones."""
    found: dict[str, str] = {}
    cameras: set[tuple[str, ...]] = set()
    for kind in (COMPRESSED_IMAGE, IMAGE):
        for topic, known in topics.items():
            if known.type == kind and not known.fault:
                parts = tuple(part for part in topic.split('/') if part.lower() not in _ENDINGS)
                if parts not in cameras:
                    cameras.add(parts)
                    found[_free_name(file_name('_'.join(parts)), found)] = topic
    return found


def _free_name(name: str, taken: Mapping[str, str]) -> str:
    """The name, with a number where another camera has it: /a/b and /a_b are two."""
    names = (f'{name}_{number}' if number > 1 else name for number in itertools.count(1))
    return next(one for one in names if one not in taken)


def _refuse_one_name(cameras: Mapping[str, str]) -> None:
    """Refuse cameras that would have one folder."""
    owners: dict[str, str] = {}
    for camera in cameras:
        other = owners.setdefault(file_name(camera), camera)
        if other != camera:
            raise ConfigError(f'the cameras {shown(other)} and {shown(camera)} would both be '
                              f'{file_name(camera)}; give them names that differ in letters or '
                              f'digits')


@contextmanager
def _new_folder(root: Path) -> Iterator[Path]:
    """A folder whose content is that of ``root`` when all went well.

    A folder that is there stays the same one: it may be a link, a disk, or where the user stands.
    """
    there = root.is_dir()
    temporary = root / _UNFINISHED if there else root.with_name(f'.{root.name}.tmp')
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    make_folder(temporary)
    try:
        yield temporary
        if there:
            for child in sorted(temporary.iterdir()):
                move_file(child, root / child.name)
        else:
            move_file(temporary, root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass
class _FrameWriter:
    """Writes frames one after the other; what is known of their times is kept."""

    folder: Path
    drive: str
    assembler: FrameAssembler
    left_out: LeftOut
    times: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, frames: Sequence[SensorFrame]) -> None:
        for frame in frames:
            self._add(frame)

    def _add(self, frame: SensorFrame) -> None:
        name = f'{self.drive}_{len(self.times):06d}'
        entry: dict[str, Any] = dict(timestamp=frame.stamp / 1e9,
                                     scene=f'{self.drive} {self.assembler.jumps}')
        if frame.fixed_from_frame is not None:
            entry['lidar2global'] = frame.fixed_from_frame.tolist()
        self.times[name] = entry
        make_folder(self.folder / 'points')
        stream = io.BytesIO()
        np.lib.format.write_array(stream, frame.points.astype(np.float32))
        write_bytes_atomically(self.folder / 'points' / f'{name}.npy', stream.getvalue())
        for camera, image in frame.images.items():
            if image is not None:
                self._add_picture(camera, image, frame, name)

    def _add_picture(self, camera: str, image: CameraImage, frame: SensorFrame,
                     name: str) -> None:
        try:
            pixels = image.pixels()
            matrix = self.assembler.tree.lookup(image.frame, frame.frame, frame.stamp)
        except MissingTransform as error:
            self.left_out.add(f'pictures of {shown(image.topic)}', str(error))
            return
        except DataError as error:
            self.left_out.add(f'pictures of {shown(image.topic)}', str(error)[:160])
            return
        self.calibration.setdefault(camera, dict(
            cam2img=image.lens.matrix_for(pixels).tolist(), lidar2cam=matrix.tolist()))
        self.pictures[camera] = self.pictures.get(camera, 0) + 1
        folder = self.folder / 'images' / camera
        make_folder(folder)
        stored = b'' if hasattr(image.message, 'encoding') else bytes(image.message.data)
        ending = _FORMATS.get(stored[:3])
        if ending is None or image.lens.bent:
            ending = '.png'
            stored = cv2.imencode(ending, pixels[..., ::-1])[1].tobytes()
        write_bytes_atomically(folder / f'{name}{ending}', stored)

    def finish(self) -> None:
        """Write what belongs to all frames."""
        lacking = sum('lidar2global' not in entry for entry in self.times.values())
        if lacking:
            self.left_out.add('frames', 'nothing says how the sensor moves (/tf or odometry), so '
                              'no frame has a pose; if it stands still, name its own frame with '
                              '--fixed-frame', lacking)
            for entry in self.times.values():  # all of them, or none: half of a drive misleads
                entry.pop('lidar2global', None)
        write_bytes_atomically(self.folder / 'frames.json',
                               json.dumps(self.times, indent=1).encode())
        if self.calibration:
            write_bytes_atomically(self.folder / 'calibration.json',
                                   json.dumps(self.calibration, indent=1).encode())
