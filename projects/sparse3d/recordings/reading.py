"""What is a recording, and its messages one after the other."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sparse3d.errors import DataError
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.mcap_reading import RawMessage, read_mcap

FILES = ('.mcap', '.db3')
_METADATA = 'metadata.yaml'


def is_recording(path: str | os.PathLike) -> bool:
    """Whether a path looks like a recording: a file of one, or a folder with such files.

    Names alone are looked at, and no library is needed.
    """
    path = Path(path)
    if path.is_dir():
        return (path / _METADATA).is_file() or any(
            child.suffix.lower() in FILES for child in path.iterdir())
    return path.suffix.lower() in FILES


def read_messages(path: str | os.PathLike, left_out: LeftOut) -> Iterator[RawMessage]:
    """All messages of a recording in the order of the file, none of them kept.

    Raises:
        DataError: if it is not there, is no recording, or cannot be read.
        BackendUnavailable: if a library is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f'{path} does not exist')
    if not is_recording(path):
        raise DataError(f'{path} is no recording; give a .mcap file, a .db3 file or the folder of '
                        f'a ROS 2 bag')
    if path.suffix.lower() == '.mcap' and path.is_file():
        return read_mcap(path, left_out)
    from sparse3d.recordings.bag_reading import read_bag
    return read_bag(path, left_out)
