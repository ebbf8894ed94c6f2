"""Messages of an MCAP file in its own order, chunk by chunk, as far as the file is whole.

Source: the MCAP specification, https://mcap.dev/spec.
"""
from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.libraries import library

CODECS = ('', 'none', 'lz4', 'zstd')
MAX_CHUNK = 2 ** 30  # bytes of one chunk; writers use some megabytes


@dataclass(frozen=True)
class Channel:
    """What says how to read the messages of a topic.

    Attributes:
        topic: its name.
        schema: name of the type of its messages, ``'sensor_msgs/msg/PointCloud2'``.
        schema_encoding: how the definition is written: ``'ros2msg'``, ``'ros2idl'``, ...
        definition: the text of the definition; may be empty.
        encoding: of the messages, ``'cdr'`` for those of ROS 2.
    """

    topic: str
    schema: str
    schema_encoding: str = 'ros2msg'
    definition: bytes = field(default=b'', repr=False)
    encoding: str = 'cdr'


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it is stored; times in nanoseconds."""

    channel: Channel
    log_time: int
    publish_time: int
    data: bytes = field(repr=False)


class _Truncated(Exception):
    """The file ends in the middle of a record."""


class _WholeReads:
    """A file that gives all bytes that are asked for, or none."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, length: int) -> bytes:
        if length > self._left:
            raise _Truncated
        self._left -= length
        return self._stream.read(length)


def read_mcap(path: str | os.PathLike, left_out: LeftOut) -> Iterator[RawMessage]:
    """The messages of a file; within a chunk in the order of their log times.

    A file that ends in the middle is read up to its last whole chunk; a chunk that is damaged or
    whose codec is not there is left out. Both are counted.

    Raises:
        DataError: if it is no MCAP file or cannot be read.
        BackendUnavailable: if the library is not installed.
    """
    reader = library('mcap.stream_reader')
    path = Path(path)
    try:
        with open(path, 'rb') as stream:
            whole = _WholeReads(stream, path.stat().st_size)
            records = reader.StreamReader(whole, emit_chunks=True, record_size_limit=None).records
            yield from _Records(path, left_out).messages(records)
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error


class _Records:
    """Goes through the records of a file."""

    def __init__(self, path: Path, left_out: LeftOut) -> None:
        self._path, self._left_out = path, left_out
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Channel] = {}

    def messages(self, records: Iterator[Any]) -> Iterator[RawMessage]:
        classes = library('mcap.records')
        errors = library('mcap.exceptions')
        begun = False
        while True:
            try:
                record = next(records, None)
            except errors.InvalidMagic as error:
                if not begun:
                    raise DataError(f'{self._path} is no MCAP file (its first bytes are others); '
                                    f'give a .mcap file or the folder of a ROS 2 bag') from error
                self._truncated()
                return
            except (_Truncated, errors.EndOfFile):
                if not begun:
                    raise DataError(f'{self._path} ends before its first record; it holds '
                                    f'nothing') from None
                self._truncated()
                return
            except (errors.McapError, struct.error, ValueError, UnicodeDecodeError) as error:
                self._left_out.add(self._path.name, f'a record is damaged ({_words(error)}); the '
                                   f'file was read up to it')
                return
            if record is None:
                return
            begun = True
            if isinstance(record, classes.Chunk):
                yield from self._chunk(record, classes)
            else:
                yield from self._one(record, classes)

    def _one(self, record: Any, classes: Any) -> Iterator[RawMessage]:
        if isinstance(record, classes.Schema):
            self._schemas[record.id] = record
        elif isinstance(record, classes.Channel):
            schema = self._schemas.get(record.schema_id)
            self._channels[record.id] = Channel(
                record.topic, schema.name if schema else '', schema.encoding if schema else '',
                schema.data if schema else b'', record.message_encoding)
        elif isinstance(record, classes.Message):
            channel = self._channels.get(record.channel_id)
            if channel is None:
                self._left_out.add('messages', 'their topic is not declared before them')
            else:
                yield RawMessage(channel, record.log_time, record.publish_time, record.data)

    def _chunk(self, chunk: Any, classes: Any) -> Iterator[RawMessage]:
        """The messages of a chunk, all of it or nothing."""
        records = self._unpacked(chunk)
        found = []
        for record in records:
            found += self._one(record, classes)
        yield from sorted(found, key=lambda message: message.log_time)

    def _unpacked(self, chunk: Any) -> list[Any]:
        if chunk.compression not in CODECS:
            self._lost(f'their codec {shown(chunk.compression)!r} is not known here; compress '
                       f'the file with zstd or lz4')
            return []
        if chunk.uncompressed_size > MAX_CHUNK:
            self._lost(f'they declare more than {MAX_CHUNK >> 30} GiB each')
            return []
        reader = library('mcap.stream_reader')
        try:
            return reader.breakup_chunk(chunk, validate_crc=True)
        except library('mcap.exceptions').UnsupportedCompressionError:
            self._lost(f'their codec {chunk.compression} is not installed; run "pip install '
                       f'{"zstandard" if chunk.compression == "zstd" else chunk.compression}"')
        except Exception as error:  # of whichever library decompresses
            self._lost(f'they are damaged ({_words(error)})')
        return []

    def _lost(self, why: str) -> None:
        self._left_out.add(f'chunks of {self._path.name}', why)

    def _truncated(self) -> None:
        self._left_out.add(self._path.name, 'the file is truncated; it was read up to its last '
                           'whole chunk')


def _words(error: Exception) -> str:
    """What went wrong, without numbers that differ from place to place."""
    return 'its checksum differs' if 'crc' in str(error).lower() else type(error).__name__
