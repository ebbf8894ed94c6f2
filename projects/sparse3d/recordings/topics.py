"""The topics of a recording: what there is, and which of them a model needs."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sparse3d.errors import ConfigError, DataError
from sparse3d.recordings.clocks import offsets_of
from sparse3d.recordings.foreign_text import file_name, shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.mcap_reading import Channel, RawMessage
from sparse3d.recordings.message_types import (
    CAMERA_INFO,
    CLOUD,
    COMPRESSED_IMAGE,
    IMAGE,
    ODOMETRY,
    TRANSFORMS,
    Decoder,
    full_name,
)
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.transform_tree import nanoseconds

LOOKED_AT = 10 * 10 ** 9   # ns of a recording that decide which topics are used
LOOKED_AT_LEAST = 200      # messages; the first may be stamped long before the others
MAX_DECODED = 20           # messages of a topic that are opened for it


@dataclass
class Topic:
    """What is known of one topic.

    Attributes:
        channel: how its messages are stored.
        count: messages that were seen.
        first, last: their log times in nanoseconds.
        frame: of the first message that has one.
        points: of the largest cloud that was opened.
        delays: log time minus stamp in nanoseconds, of those that were opened.
        fault: why its messages cannot be read; empty if they can.
        others: messages of another type than the first one.
    """

    channel: Channel
    count: int = 0
    first: int = 0
    last: int = 0
    frame: str = ''
    points: int = 0
    delays: list[int] = field(default_factory=list)
    fault: str = ''
    others: int = 0

    @property
    def type(self) -> str:
        """Name of the type of its messages."""
        return full_name(self.channel.schema)

    @property
    def rate(self) -> float:
        """Messages per second."""
        seconds = (self.last - self.first) / 1e9
        return (self.count - 1) / seconds if seconds > 0 else 0.0


def look(path: str | os.PathLike, left_out: LeftOut | None = None,
         seconds: float | None = LOOKED_AT / 1e9) -> dict[str, Topic]:
    """The topics of a recording by name, from its beginning or, with None, all of it.

    Args:
        left_out: counts what could not be read.
    """
    counted = LeftOut() if left_out is None else left_out
    return look_at(read_messages(path, counted), seconds)


def look_for(path: str | os.PathLike, names: Sequence[str]) -> dict[str, Topic]:
    """As :func:`look`, all of the recording where a topic that is named begins later."""
    topics = look(path)
    return topics if all(name in topics for name in names if name) else look(path, seconds=None)


class LateTopics:
    """Counts messages that would have been used, had their topic begun where it was looked for.

    Args:
        topics: that were seen when it was decided what is used.
        left_out: counts.
        clouds, pictures: whether such topics were looked for; those of a user's are named.
        odometry: whether none was found.
    """

    def __init__(self, topics: Mapping[str, Topic], left_out: LeftOut, clouds: bool = True,
                 pictures: bool = True, odometry: bool = True) -> None:
        self._topics, self._left_out = topics, left_out
        self._wanted = {TRANSFORMS: '', **({CLOUD: '; name it with --points'} if clouds else {}),
                        **({ODOMETRY: '; name it with --odometry'} if odometry else {}),
                        **(dict.fromkeys((IMAGE, COMPRESSED_IMAGE), '; name it with --images')
                           if pictures else {})}

    def note(self, raw: RawMessage) -> None:
        """Look at a message."""
        name, kind = raw.channel.topic, full_name(raw.channel.schema)
        if name not in self._topics and kind in self._wanted:
            self._left_out.add(f'messages of {shown(name)}', f'they begin after the first '
                               f'{LOOKED_AT / 1e9:g} s, which decide what is used'
                               f'{self._wanted[kind]}')


def look_at(messages: Iterable[RawMessage], seconds: float | None) -> dict[str, Topic]:
    """The topics of messages by name; see :func:`look`."""
    decoder, topics, start = Decoder(LeftOut()), {}, None
    for number, raw in enumerate(messages):
        start = raw.log_time if start is None else start
        if seconds is not None and number >= LOOKED_AT_LEAST \
                and raw.log_time - start > seconds * 1e9:
            break
        topic = topics.get(raw.channel.topic)
        if topic is None:
            topic = topics[raw.channel.topic] = Topic(raw.channel, first=raw.log_time,
                                                      fault=decoder.fault(raw.channel))
        topic.count += 1
        topic.last = max(topic.last, raw.log_time)
        if full_name(raw.channel.schema) != topic.type:
            topic.others += 1
        elif topic.count <= MAX_DECODED and not topic.fault and topic.type != TRANSFORMS:
            _open(topic, decoder.decode(raw), raw.log_time)
    return topics


def _open(topic: Topic, message: Any, log_time: int) -> None:
    if message is None:
        return
    topic.frame = topic.frame or message.header.frame_id.lstrip('/')
    stamp = nanoseconds(message.header.stamp)
    if stamp:
        topic.delays.append(log_time - stamp)
    if topic.type == CLOUD:
        topic.points = max(topic.points, int(message.width) * int(message.height))


@dataclass(frozen=True)
class Choice:
    """Which topics are used for what.

    Attributes:
        clouds: of the LiDARs; the first one gives the moments and, unless another is named, the
            frame of the boxes.
        images: by camera of the model.
        infos: the CameraInfo of each image topic.
        transforms, static, odometry: topics.
        offsets: by topic, what is added to its stamps in nanoseconds.
        rectified: image topics whose pictures were straightened before.
    """

    clouds: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    infos: Mapping[str, str] = field(default_factory=dict)
    transforms: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    odometry: tuple[str, ...] = ()
    offsets: Mapping[str, int] = field(default_factory=dict)
    rectified: tuple[str, ...] = ()

    @property
    def topics(self) -> set[str]:
        """All that are used."""
        return {*self.clouds, *self.images.values(), *self.infos.values(), *self.transforms,
                *self.static, *self.odometry}


def choose(topics: Mapping[str, Topic], left_out: LeftOut, wants_points: bool,
           cameras: Sequence[str] = (), clouds: Sequence[str] = (),
           images: Mapping[str, str] | None = None, odometry: str = '') -> Choice:
    """The topics for a model: those that are named, else those that can only be meant.

    Args:
        topics: of :func:`look`.
        left_out: counts topics that are left out for lack of an order that says more.
        wants_points: whether the model takes points.
        cameras: that the model takes, by name.
        clouds, images, odometry: named by the user.

    Raises:
        ConfigError: for a topic that is not there or of another type, or if nothing says which
            topic is a camera's.
        DataError: if there are no points, or no pictures, for a model that takes them.
    """
    for name in (*clouds, *(images or {}).values(), *([odometry] if odometry else [])):
        _refuse_absent(name, topics)
    if not clouds and not images:
        _say_unread(topics, left_out)
    chosen = tuple(clouds) or _clouds(topics, left_out)
    for name in clouds:
        _refuse_type(name, topics, (CLOUD,))
    _refuse_twice(clouds, '--points')
    _refuse_twice(tuple((images or {}).values()), '--images')
    if odometry:
        _refuse_type(odometry, topics, (ODOMETRY,))
    if wants_points and not chosen:
        raise DataError(f'the recording has no {CLOUD} that can be read, which this model takes; '
                        f'it has {_listed(topics)}')
    pictures = _images(topics, cameras, images or {})
    of_type = {kind: [name for name, topic in topics.items()
                      if topic.type == kind and not topic.fault] for kind in
               (TRANSFORMS, ODOMETRY, CAMERA_INFO)}
    moving = of_type[ODOMETRY] if not odometry else [odometry]
    if len(moving) > 1:
        left_out.add('topics of odometry', f'{", ".join(map(shown, moving[1:]))} beside '
                     f'{shown(moving[0])}; name one with --odometry', len(moving) - 1)
    first = chosen[0] if chosen else next(iter(pictures.values()), '')
    delays = {name: median(topic.delays) for name, topic in topics.items() if topic.delays}
    return Choice(
        chosen, pictures, {name: _info_of(name, topics, of_type[CAMERA_INFO])
                           for name in pictures.values()},
        tuple(name for name in of_type[TRANSFORMS] if not name.endswith('tf_static')),
        tuple(name for name in of_type[TRANSFORMS] if name.endswith('tf_static')),
        tuple(moving[:1]), offsets_of(delays, first),
        tuple(name for name in pictures.values() if 'rect' in name.lower()))


def _clouds(topics: Mapping[str, Topic], left_out: LeftOut) -> tuple[str, ...]:
    """One topic of each LiDAR, the one with the most points first; several of one frame are one
    LiDAR in several versions, of which the fullest is taken."""
    by_frame: dict[str, list[str]] = {}
    for name, topic in topics.items():
        if topic.type == CLOUD and not topic.fault:
            by_frame.setdefault(topic.frame, []).append(name)
    chosen = []
    for names in by_frame.values():
        best = max(names, key=lambda name: topics[name].points)
        chosen.append(best)
        for other in names:
            if other != best:
                left_out.add(f'clouds of {shown(other)}', f'of the same LiDAR as {shown(best)} '
                             f'(one frame); name one with --points', topics[other].count)
    return tuple(sorted(chosen, key=lambda name: -topics[name].points))


def _images(topics: Mapping[str, Topic], cameras: Sequence[str],
            named: Mapping[str, str]) -> dict[str, str]:
    """The image topic of each camera of the model."""
    unknown = [camera for camera in named if camera not in cameras]
    if unknown:
        raise ConfigError(f'the model has no camera {unknown[0]!r}; it takes '
                          f'{", ".join(cameras) or "no pictures"}')
    there = [name for name, topic in topics.items()
             if topic.type in (IMAGE, COMPRESSED_IMAGE) and not topic.fault]
    for name in named.values():
        _refuse_type(name, topics, (IMAGE, COMPRESSED_IMAGE))
    if cameras and not there:
        raise DataError(f'the recording has no pictures, which this model takes; it has '
                        f'{_listed(topics)}')
    found = dict(named)
    for camera in cameras:
        if camera in found:
            continue
        fitting = [name for name in there if _is_of(camera, name, topics[name].frame)]
        if not fitting and len(cameras) == len(there) == 1:
            fitting = there
        if fitting:
            # Raw and compressed pictures of one camera: the compressed ones are what was recorded.
            found[camera] = min(fitting, key=lambda name: (
                topics[name].type != COMPRESSED_IMAGE, len(name), name))
    absent = [camera for camera in cameras if camera not in found]
    if absent and len(absent) == len(cameras):
        raise ConfigError(f'nothing says which pictures are of {", ".join(absent)}; name them with '
                          f'--images {absent[0]}=TOPIC (there are '
                          f'{", ".join(map(shown, there))})')
    return found


def _is_of(camera: str, topic: str, frame: str) -> bool:
    """Whether a topic, or its frame, is named after a camera."""
    wanted = file_name(camera).lower()
    parts = {file_name(part).lower() for part in topic.split('/')}
    own = file_name(frame).lower()
    return wanted in parts or own in (wanted, f'{wanted}_optical_frame', f'{wanted}_frame',
                                      f'{wanted}_link', f'{wanted}_optical')


def _info_of(image: str, topics: Mapping[str, Topic], infos: Sequence[str]) -> str:
    """The CameraInfo of an image topic: beside it, or of its frame."""
    place = image
    while '/' in place.strip('/'):
        place = place.rpartition('/')[0]
        beside = [name for name in infos if name == f'{place}/camera_info']
        if beside:
            return beside[0]
    same = [name for name in infos if topics[name].frame == topics[image].frame]
    if same:
        return same[0]
    raise DataError(f'{shown(image)} has no camera_info, which says how the camera looks; record '
                    f'it beside the pictures, or leave the camera out')


def _refuse_absent(name: str, topics: Mapping[str, Topic]) -> None:
    if name not in topics:
        raise ConfigError(f'the recording has no topic {shown(name)!r}; it has {_listed(topics)}')


def _refuse_type(name: str, topics: Mapping[str, Topic], types: Sequence[str]) -> None:
    topic = topics[name]
    if topic.type not in types:
        raise ConfigError(f'{shown(name)} has messages of {shown(topic.type)}; '
                          f'{" or ".join(types)} is needed')
    if topic.fault:
        raise DataError(f'{shown(name)} cannot be read: {topic.fault}')


def _refuse_twice(names: Sequence[str], option: str) -> None:
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f'{option} names {shown(twice)} twice; a topic is one sensor')


def _say_unread(topics: Mapping[str, Topic], left_out: LeftOut) -> None:
    """Count topics that nobody here can read; those of a known type that is of no use are none."""
    for name, topic in topics.items():
        if topic.fault and not topic.fault.endswith('is of no use here'):
            left_out.add(f'messages of {shown(name)}', topic.fault, topic.count)


def _listed(topics: Mapping[str, Topic]) -> str:
    names = [f'{shown(name)} ({shown(topic.type)})' for name, topic in topics.items()]
    return ', '.join(names[:12]) + (', ...' if len(names) > 12 else '') or 'no messages'
