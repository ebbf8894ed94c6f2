"""Info files and data files read without running what they contain.

Wrong upstream (mmengine 0.10.7): info files, ground-truth databases and the like are pickles,
and ``mmengine.load`` unpickles them with the full power of pickle; it reads YAML with a loader
that calls any function a file names (``!!python/object/apply``). A file from elsewhere can run
any program.

Repair: a ``.pkl`` is read by :mod:`sparse3d.safe_pickle`, a ``.yaml`` by YAML's safe loader.
Anything but plain data is a DataError that names the file and what it asks for.
"""
from __future__ import annotations

import sys
from functools import wraps
from typing import IO, Any

import yaml
from mmengine.fileio import io
from mmengine.fileio.handlers.pickle_handler import PickleHandler
from mmengine.fileio.handlers.yaml_handler import YamlHandler

from sparse3d.errors import DataError
from sparse3d.safe_pickle import loads_plain

SafeLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
NAMELESS = 'a pickle'


def apply_patch() -> None:
    """Read pickles and YAML of mmengine as plain data and name the refused file."""
    PickleHandler.load_from_fileobj = _load_pickle
    YamlHandler.load_from_fileobj = _load_yaml
    upstream = io.load
    if hasattr(upstream, 'upstream'):
        return
    named = _named(upstream)
    for name, module in list(sys.modules.items()):  # where it was imported by name before
        if name.startswith('mm') and vars(module).get('load') is upstream:
            module.load = named


def _load_pickle(_, file: IO[bytes], **options: Any) -> Any:
    return loads_plain(file.read(), NAMELESS, **options)


def _load_yaml(_, file: IO[str], **options: Any) -> Any:
    return yaml.load(file, Loader=SafeLoader)


def _named(upstream):
    @wraps(upstream)
    def load(file, *args, **kwargs):
        try:
            return upstream(file, *args, **kwargs)
        except DataError as error:
            raise DataError(str(error).replace(NAMELESS, str(file), 1)) from error
        except yaml.YAMLError as error:
            raise DataError(f'{file} is refused: it is no YAML of plain data '
                            f'({" ".join(str(error).split())})') from error

    load.upstream = upstream
    return load
