"""Detection in a recorded drive, with boxes and tracks on its time line."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.apis.detector import load_detector
from sparse3d.atomic_files import atomic_file, check_place, refuse_same_file
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Activity
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.frame_assembler import AssemblyOptions
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_detector import DetectionOptions, MessageDetector
from sparse3d.recordings.message_types import TRANSFORMS, Decoder, full_name
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.topics import Choice, LateTopics, choose, look_for
from sparse3d.recordings.writing import RecordingWriter
from sparse3d.structures.detections import refuse_odd_threshold


@dataclass(frozen=True)
class TopicNames:
    """Topics that a user names; what is empty is found.

    Attributes:
        clouds: of the LiDARs, the first one leading.
        images: by camera of the model.
        odometry: where /tf does not say how the vehicle moves.
    """

    clouds: Sequence[str] = ()
    images: Mapping[str, str] | None = None
    odometry: str = ''


@dataclass(frozen=True)
class RecordingReport:
    """What :func:`detect_recording` did.

    Attributes:
        path: of the recording that was written.
        choice: the topics that were used.
        moments, boxes, identities: how many; identities are None without a tracker.
        messages: that were read.
        seconds: that it took, without loading the model.
        left_out: what was left out, a sentence each.
        stages: where the time went, a line each.
    """

    path: Path
    choice: Choice
    moments: int
    boxes: int
    identities: int | None
    messages: int
    seconds: float
    left_out: tuple[str, ...]
    stages: str

    def __str__(self) -> str:
        tracks = '' if self.identities is None else f' of {self.identities} tracks'
        used = ', '.join(sorted(self.choice.topics))
        return (f'topics: {used.encode("unicode_escape").decode()}\n{self.stages}\n'
                f'{self.boxes} boxes{tracks} in {self.moments} moments from {self.messages} '
                f'messages in {self.seconds:.1f} s: {self.path}')


def detect_recording(
        config: str | PathLike,
        checkpoint: str | PathLike | None,
        recording: str | PathLike,
        out: str | PathLike,
        topics: TopicNames | None = None,
        options: DetectionOptions | None = None,
        assembly: AssemblyOptions | None = None,
        with_input: bool = False,
        device: str | None = None,
        cfg_options: Mapping[str, Any] | None = None,
        intensity_scale: float = 1.0,
        sensor_height: float | None = None,
) -> RecordingReport:
    """Detect in every moment of a recording and write another one, message by message.

    Written are ``/sparse3d/detections`` (vision_msgs/Detection3DArray) and ``/sparse3d/scene``
    (Foxglove's SceneUpdate), with a tracker also ``/sparse3d/tracks`` and
    ``/sparse3d/track_scene``, at the times of the clouds; and the transforms of the recording.

    Args:
        config, checkpoint, device, cfg_options, intensity_scale, sensor_height: see
            :func:`sparse3d.apis.load_detector`.
        recording: MCAP file, or ROS 2 bag.
        out: MCAP file that is written.
        topics: those that are named.
        options, assembly: what else the user chooses.
        with_input: write all messages of the recording too.

    Raises:
        ConfigError, CheckpointError: as the detector; for topics that are not there.
        DataError: if the recording cannot be read or no moment of it can be used; nothing is
            written then.
        BackendUnavailable: if the extra ``recordings`` is not installed.
    """
    options, topics = options or DetectionOptions(), topics or TopicNames()
    refuse_odd_threshold(options.score_threshold)
    out = Path(out)
    if out.suffix.lower() != '.mcap':
        raise ConfigError(f'--out is {out}; the boxes of a recording are written as .mcap')
    refuse_same_file(recording, out)
    _refuse_inside(recording, out)
    check_place(out)
    left_out = LeftOut()
    there = look_for(recording, (*topics.clouds, *(topics.images or {}).values(),
                                 topics.odometry))
    detector = load_detector(config, checkpoint, device, cfg_options, intensity_scale,
                             sensor_height)
    samples = detector.samples
    choice = choose(there, left_out, bool(samples.columns), samples.cameras, topics.clouds,
                    topics.images, topics.odometry)
    core = MessageDetector(detector, choice, left_out, options, assembly)
    late = LateTopics(there, left_out, not topics.clouds,
                      bool(samples.cameras) and not topics.images, not choice.odometry)
    for topic, offset in choice.offsets.items():
        if topic in choice.topics:
            print(f'the clock of {topic.encode("unicode_escape").decode()} differs from that of '
                  f'the first sensor: {offset / 1e9:+.3f} s are added (--clock)', flush=True)
    start = time.monotonic()
    with atomic_file(out) as stream, Activity(
            lambda: f'{core.moments} moments, {core.boxes} boxes'):
        writer = RecordingWriter(stream)
        count = _run(core, recording, left_out, writer, with_input, late)
        if not core.moments:
            raise DataError(f'no moment of {recording} could be used: '
                            f'{"; ".join(left_out.sentences()) or "it has no messages"}')
        writer.finish()
    identities = len(core.identities) if options.tracker else None
    return RecordingReport(out, choice, core.moments, core.boxes, identities, count,
                           time.monotonic() - start, tuple(left_out.sentences()),
                           core.stages.table())


def _refuse_inside(recording: str | PathLike, out: Path) -> None:
    """Refuse to write into the folder of the bag that is read: its files would be replaced."""
    folder = Path(recording)
    if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f'{out} lies in {folder}, the bag that is read; write to another folder')


def _run(core: MessageDetector, recording: str | PathLike, left_out: LeftOut,
         writer: RecordingWriter, with_input: bool, late: LateTopics) -> int:
    """Every message through the detector; gives their number."""
    decoder, used, count = Decoder(left_out), core.topics, 0
    own = f'{core.options.prefix}/'
    messages = read_messages(recording, left_out)
    while True:
        with core.stages('reading'):
            raw = next(messages, None)
        if raw is None:
            break
        count += 1
        late.note(raw)
        if with_input and raw.channel.topic.startswith(own):
            left_out.add(f'messages of {shown(raw.channel.topic)}', 'boxes of an earlier run; new '
                         'ones take their place')
        elif with_input or full_name(raw.channel.schema) == TRANSFORMS:
            with core.stages('writing'):
                writer.copy(raw)
        if raw.channel.topic in used:
            with core.stages('decoding messages'):
                message = decoder.decode(raw)
            if message is not None:
                _write(writer, core, core.take(raw.channel.topic, message, raw.log_time))
    _write(writer, core, core.flush())
    return count


def _write(writer: RecordingWriter, core: MessageDetector, made: Sequence[Any]) -> None:
    for out in made:
        with core.stages('writing'):
            writer.write(out)
