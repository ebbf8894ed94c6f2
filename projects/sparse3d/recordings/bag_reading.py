"""Messages of a ROS 2 bag folder in either storage, and of a single sqlite3 file of one."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.libraries import library
from sparse3d.recordings.mcap_reading import Channel, RawMessage, read_mcap

METADATA = 'metadata.yaml'
_ENCODINGS = {'MSG': 'ros2msg', 'IDL': 'ros2idl'}


def read_bag(path: str | os.PathLike, left_out: LeftOut) -> Iterator[RawMessage]:
    """The messages of a bag folder, or of one ``.db3`` file, file by file in order of time.

    MCAP files of a folder are read by :func:`~sparse3d.recordings.mcap_reading.read_mcap`, so that
    a truncated one is read as far as it goes; a damaged sqlite3 file ends where it is damaged.

    Raises:
        DataError: if it is no bag, a file of it is missing, or it cannot be read.
        BackendUnavailable: if the library is not installed.
    """
    path = Path(path)
    reader = library('rosbags.rosbag2')
    parts = _mcap_parts(path) if path.is_dir() else None
    if parts is not None:
        for part in parts:
            # A recorder that lost its power leaves a last file behind that holds nothing yet.
            if len(parts) > 1 and not part.stat().st_size:
                left_out.add(shown(part.name), 'the file is empty')
            else:
                yield from read_mcap(part, left_out)
        return
    bag = _opened(reader, path)
    try:
        channels = {connection.id: _channel(connection) for connection in bag.connections}
        messages = bag.messages()
        while True:
            try:
                connection, time, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # sqlite's and zstd's, of what was damaged on the way
                left_out.add(path.name, f'the storage is damaged ({type(error).__name__}); it was '
                             f'read up to there')
                return
            if time < 0:
                left_out.add(f'messages of {shown(connection.topic)}', 'recorded before 1970')
                continue
            yield RawMessage(channels[connection.id], time, time, bytes(data))
    finally:
        bag.close()


def _opened(reader: Any, path: Path) -> Any:
    try:
        bag = reader.Reader(path)
        bag.open()
    except Exception as error:  # metadata and storages have errors of several libraries
        raise DataError(f'{path} is no readable ROS 2 bag: {shown(str(error))}; a bag is the '
                        f'folder with {METADATA} and its storage files') from error
    return bag


def _channel(connection: Any) -> Channel:
    definition = connection.msgdef
    return Channel(connection.topic, connection.msgtype, _ENCODINGS.get(definition.format.name, ''),
                   definition.data.encode(), connection.ext.serialization_format)


def _mcap_parts(folder: Path) -> list[Path] | None:
    """The MCAP files of a folder in order; None where it has another storage, or compressed files.

    Names are those that the metadata gives, looked up in the folder and nowhere else.
    """
    there = sorted(path for path in folder.iterdir() if path.suffix == '.mcap')
    if not (folder / METADATA).is_file():
        if len(there) == 1:
            return there
        raise DataError(f'{folder} has no {METADATA}, which says what belongs together; give one '
                        f'of its files, or make it with "ros2 bag reindex"')
    information = _metadata(folder)
    paths = information.get('relative_file_paths')
    if not isinstance(paths, list):
        raise DataError(f'{folder / METADATA} does not list the files of the bag '
                        f'(relative_file_paths); make it anew with "ros2 bag reindex"')
    named = [Path(str(name)).name for name in paths]
    if information.get('storage_identifier') != 'mcap' or any(
            not name.endswith('.mcap') for name in named):
        return None
    absent = [name for name in named if not (folder / name).is_file()]
    if absent:
        raise DataError(f'{folder / shown(absent[0])} is named in {METADATA} and is not there; '
                        f'bring it back, or give one of the other files alone')
    return [folder / name for name in named]


def _metadata(folder: Path) -> dict[str, Any]:
    yaml = library('ruamel.yaml').YAML(typ='safe')
    try:
        content = yaml.load((folder / METADATA).read_text())
        information = content['rosbag2_bagfile_information']
        return dict(information)
    except Exception as error:
        raise DataError(f'{folder / METADATA} is not the metadata of a ROS 2 bag '
                        f'({type(error).__name__}); make it anew with "ros2 bag reindex"'
                        ) from error
