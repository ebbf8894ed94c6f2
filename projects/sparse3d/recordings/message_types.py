"""The types of messages that are read and written here, and their encoding.

A recording brings the definitions of its types along. They are parsed and compared with the
published ones, never turned into code: a type of another layout is left out.
"""
from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from sparse3d.recordings.definitions import DEFINITIONS
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.libraries import library
from sparse3d.recordings.mcap_reading import Channel, RawMessage

CLOUD = 'sensor_msgs/msg/PointCloud2'
IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
TRANSFORMS = 'tf2_msgs/msg/TFMessage'
ODOMETRY = 'nav_msgs/msg/Odometry'
READ = (CLOUD, IMAGE, COMPRESSED_IMAGE, CAMERA_INFO, TRANSFORMS, ODOMETRY)
ENCODING = 'cdr'


@functools.cache
def type_store() -> Any:
    """The types of ROS 2 (Humble) and of :mod:`~sparse3d.recordings.definitions`.

    Raises:
        BackendUnavailable: if the library is not installed.
    """
    types = library('rosbags.typesys')
    store = types.get_typestore(types.Stores.ROS2_HUMBLE)
    added: dict[str, Any] = {}
    for name, text in DEFINITIONS.items():
        added.update(types.get_types_from_msg(text, name))
    store.register(added)
    return store


def message(name: str, /, **fields: Any) -> Any:
    """A message of a type by its full name, ``'std_msgs/msg/Header'``."""
    return type_store().types[name](**fields)


def encoded(made: Any) -> bytes:
    """A message as ROS 2 sends it."""
    return bytes(type_store().serialize_cdr(made, made.__msgtype__))


def definition_of(name: str) -> str:
    """The definition of a type with all that it needs, as MCAP stores it (``ros2msg``)."""
    return type_store().generate_msgdef(name, ros_version=2)[0]


def full_name(schema: str) -> str:
    """``'sensor_msgs/msg/Image'`` also where a recording says ``'sensor_msgs/Image'``."""
    parts = schema.split('/')
    return f'{parts[0]}/msg/{parts[1]}' if len(parts) == 2 else schema


class Decoder:
    """Turns stored messages into those of the published types; counts what it cannot read."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._faults: dict[Channel, str] = {}

    def fault(self, channel: Channel) -> str:
        """Why the messages of a channel cannot be read; empty if they can."""
        if channel not in self._faults:
            self._faults[channel] = _fault_of(channel)
        return self._faults[channel]

    def decode(self, raw: RawMessage) -> Any | None:
        """The message; None, and counted, if it cannot be read."""
        why = self.fault(raw.channel)
        if not why:
            try:
                return type_store().deserialize_cdr(raw.data, full_name(raw.channel.schema))
            except Exception as error:  # a damaged message may break anywhere
                why = f'they are damaged ({type(error).__name__})'
        self._left_out.add(f'messages of {shown(raw.channel.topic)}', why)
        return None


def _fault_of(channel: Channel) -> str:
    name = full_name(channel.schema)
    if channel.encoding != ENCODING:
        return (f'{shown(channel.schema) or "no schema"} in the encoding '
                f'{shown(channel.encoding)!r} is not read here, only ROS 2 (cdr)')
    if name not in READ or not channel.definition.strip():
        return '' if name in READ else f'{shown(name)} is of no use here'
    types = library('rosbags.typesys')
    text = channel.definition.decode('utf-8', 'replace')
    try:
        found = types.get_types_from_idl(text) if channel.schema_encoding == 'ros2idl' \
            else types.get_types_from_msg(text, name)
        same = _same(name, found, type_store().fielddefs)
    except Exception:  # a parser that meets anything
        return f'the definition of {shown(name)} in the recording cannot be parsed'
    return '' if same else f'{shown(name)} is defined with other fields than that of ROS 2'


def _same(name: str, found: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a type, and all that it is made of, is laid out as the published one."""
    if name not in found:
        return name in known  # what is left out of a definition is meant as published
    if name not in known:
        return False
    here, there = found[name][1], known[name][1]
    if [_plain(field) for field in here] != [_plain(field) for field in there]:
        return False
    return all(_same(part, found, known) for _, kind in here for part in _types_in(kind))


def _plain(field: Any) -> Any:
    name, kind = field
    return name.lower(), kind


def _types_in(kind: Any) -> list[str]:
    """Names of message types in the description of a field."""
    tag, value = kind
    if tag.name == 'NAME':
        return [value]
    if tag.name in ('ARRAY', 'SEQUENCE'):
        return _types_in(value[0])
    return []
