"""The libraries that read and write recordings, which are an extra.

``mcap`` (MIT) reads and writes MCAP record by record, also files that end in the middle;
``rosbags`` (Apache-2.0) reads bag folders of ROS 2 in both storages, and has the message classes
and their encoding (CDR) in NumPy. ``mcap-ros2-support`` would do the last in plain Python loops.
"""
from __future__ import annotations

from importlib import import_module
from types import ModuleType

from sparse3d.errors import BackendUnavailable

INSTALL = "pip install 'sparse3d-perception[recordings]'"


def library(name: str) -> ModuleType:
    """A module of one of the libraries, imported.

    Raises:
        BackendUnavailable: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise BackendUnavailable(f'recordings need {name.partition(".")[0]}, which is not '
                                 f'installed; run "{INSTALL}"') from error
