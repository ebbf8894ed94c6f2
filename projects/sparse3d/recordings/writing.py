"""Messages into an MCAP file, one after the other."""
from __future__ import annotations

from typing import Any, BinaryIO

from sparse3d.recordings.detection_messages import Outgoing
from sparse3d.recordings.libraries import library
from sparse3d.recordings.mcap_reading import Channel, RawMessage
from sparse3d.recordings.message_types import ENCODING, definition_of, full_name, type_store
from sparse3d.version import __version__

CHUNK = 1 << 20  # bytes


class RecordingWriter:
    """Writes an MCAP file with the profile of ROS 2; a chunk is kept in memory.

    Args:
        stream: open file.

    Raises:
        BackendUnavailable: if the library is not installed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        writer = library('mcap.writer')
        self._writer = writer.Writer(stream, chunk_size=CHUNK,
                                     compression=writer.CompressionType.ZSTD)
        self._writer.start(profile='ros2', library=f'sparse3d {__version__}')
        self._schemas: dict[tuple[str, bytes], int] = {}
        self._channels: dict[Any, int] = {}
        self._sequences: dict[int, int] = {}
        self.count = 0

    def write(self, out: Outgoing) -> None:
        """Add a message of ours."""
        key = out.topic, out.type
        if key not in self._channels:
            self._channels[key] = self._channel(Channel(out.topic, out.type))
        self._add(self._channels[key], out.log_time, out.log_time, out.data)

    def copy(self, raw: RawMessage) -> None:
        """Add a message of another recording as it is."""
        if raw.channel not in self._channels:
            self._channels[raw.channel] = self._channel(raw.channel)
        self._add(self._channels[raw.channel], raw.log_time, raw.publish_time, raw.data)

    def finish(self) -> None:
        """Write the summary; nothing may follow."""
        self._writer.finish()

    def _channel(self, channel: Channel) -> int:
        definition = channel.definition
        if not definition and full_name(channel.schema) in type_store().fielddefs:
            definition = definition_of(full_name(channel.schema)).encode()
        schema = 0
        if channel.schema:
            key = channel.schema, definition
            if key not in self._schemas:
                self._schemas[key] = self._writer.register_schema(
                    channel.schema, channel.schema_encoding or 'ros2msg', definition)
            schema = self._schemas[key]
        return self._writer.register_channel(channel.topic, channel.encoding or ENCODING, schema)

    def _add(self, channel: int, log_time: int, publish_time: int, data: bytes) -> None:
        number = self._sequences.get(channel, 0)
        self._sequences[channel] = number + 1
        self._writer.add_message(channel, log_time, data, publish_time, number)
        self.count += 1
