"""Messages into a ROS 2 bag folder."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import move_file
from sparse3d.errors import DataError
from sparse3d.recordings.detection_messages import Outgoing
from sparse3d.recordings.libraries import library
from sparse3d.recordings.message_types import type_store

VERSION = 9  # of the metadata, as ROS 2 Jazzy writes them


@contextmanager
def bag_folder(path: Path, storage: str = 'sqlite3') -> Iterator[Callable[[Outgoing], Any]]:
    """A function that adds messages to a bag, which is there as a whole afterwards, or not at all.

    Args:
        path: of the folder.
        storage: ``'sqlite3'`` or ``'mcap'``.

    Raises:
        DataError: if the folder is there already.
        BackendUnavailable: if the library is not installed.
    """
    bags = library('rosbags.rosbag2')
    if path.exists():
        raise DataError(f'{path} is there already; remove it or choose another name')
    temporary = path.with_name(f'.{path.name}.tmp')
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    connections: dict[tuple[str, str], Any] = {}
    try:
        with bags.Writer(temporary / path.name, version=VERSION,
                         storage_plugin=bags.StoragePlugin[storage.upper()]) as writer:
            def write(out: Outgoing) -> None:
                key = out.topic, out.type
                if key not in connections:
                    connections[key] = writer.add_connection(*key, typestore=type_store())
                writer.write(connections[key], out.log_time, out.data)
            yield write
        move_file(temporary / path.name, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
