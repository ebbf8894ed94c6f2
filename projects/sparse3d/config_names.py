"""Configs by path or bare name.

Nothing of the stack is imported, so that a slip is told at once.
"""
from __future__ import annotations

import os
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from sparse3d.errors import ConfigError, PluginError
from sparse3d.plugins import config_file, config_files

DATA_SUFFIXES = ('.yaml', '.yml', '.json')  # data; a .py config is a program
CONFIG_SUFFIXES = ('.py', *DATA_SUFFIXES)


def find_config(config: str | PathLike) -> Path:
    """The file that a path or a bare name of a config stands for.

    A path has a folder or an ending; ``'centerpoint_kitti_car'`` is a name.

    Raises:
        ConfigError: if there is no such file, no config has this name, or several have.
    """
    path = Path(config)
    if path.is_file():
        return path
    if os.sep in str(config) or path.suffix in CONFIG_SUFFIXES:
        raise ConfigError(f'config file {path} does not exist{_similar_files(path)}')
    try:
        return config_file(str(config))
    except PluginError as error:
        raise ConfigError(str(error)) from error


def _similar_files(path: Path) -> str:
    if path.stem in config_files():
        return f'; the bare name {path.stem} finds the installed config'
    names = [other.name for other in path.parent.glob('*.py')] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=3, cutoff=0.5)
    return f'; in {path.parent} there is {", ".join(near)}' if near else ''
