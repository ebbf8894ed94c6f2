"""Info files read without running what they contain.

Wrong upstream (mmengine 0.10.7): info files, ground-truth databases and the like are pickles,
and ``mmengine.load`` unpickles them with the full power of pickle: a file from elsewhere can run
any program.

Repair: ``mmengine.load`` of a ``.pkl`` admits plain containers, numbers, strings and NumPy
arrays only. Anything else is a DataError that names the file and the global it asks for.
"""
from __future__ import annotations

import pickle
import sys
from collections import OrderedDict, defaultdict
from functools import wraps
from pathlib import Path
from typing import IO, Any

import numpy as np
from mmengine.fileio import io
from mmengine.fileio.handlers.pickle_handler import PickleHandler

from sparse3d.errors import DataError

CONTAINERS = {'builtins': (set, frozenset, bytes, bytearray, complex, slice, list, dict, tuple),
              'collections': (OrderedDict, defaultdict)}


def repair() -> None:
    """Read pickles of mmengine with :class:`PlainUnpickler` and name the refused file."""
    PickleHandler.load_from_fileobj = _load_from_fileobj
    upstream = io.load
    if hasattr(upstream, 'upstream'):
        return
    named = _named(upstream)
    for name, module in list(sys.modules.items()):  # where it was imported by name before
        if name.startswith('mm') and vars(module).get('load') is upstream:
            module.load = named


class PlainUnpickler(pickle.Unpickler):
    """Unpickles plain containers and NumPy arrays; any other global is a DataError."""

    def find_class(self, module: str, name: str) -> Any:
        """The admitted object of that name."""
        known_as = module.replace('numpy._core', 'numpy.core').replace('__builtin__', 'builtins')
        found = _ADMITTED.get((known_as, name))
        if found is None:
            raise DataError(f'it asks for {module}.{name}, and only plain containers and NumPy '
                            'arrays are read')
        return found


def load_plain_pickle(path: str | Path) -> Any:
    """Content of a pickle of plain containers and NumPy arrays.

    Raises:
        DataError: if the file is damaged or asks for anything else; names file and global.
    """
    with open(path, 'rb') as file:
        return _explained(path, lambda: _load_from_fileobj(None, file))


def _load_from_fileobj(_, file: IO[bytes], **options) -> Any:
    return PlainUnpickler(file, **options).load()


def _named(upstream):
    @wraps(upstream)
    def load(file, *args, **kwargs):
        return _explained(file, lambda: upstream(file, *args, **kwargs))

    load.upstream = upstream
    return load


def _explained(file, read):
    try:
        return read()
    except DataError as error:
        raise DataError(f'{file} is refused: {error}') from error
    except (pickle.UnpicklingError, EOFError, IndexError, AttributeError, KeyError) as error:
        if not str(file).endswith(('.pkl', '.pickle')):
            raise
        raise DataError(f'{file} is damaged or no pickle: {error}') from error


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as protocol 2 writes them; no other codec is admitted."""
    if encoding != 'latin1':
        raise DataError(f'it asks for the codec {encoding}')
    return text.encode('latin1')


def _admitted() -> dict[tuple[str, str], Any]:
    plain = {(module, kind.__name__): kind for module, kinds in CONTAINERS.items()
             for kind in kinds}
    arrays = {('numpy', 'ndarray'): np.ndarray, ('numpy', 'dtype'): np.dtype,
              ('_codecs', 'encode'): _latin1}
    for name in ('_reconstruct', 'scalar'):
        arrays['numpy.core.multiarray', name] = getattr(np.core.multiarray, name)
    arrays['numpy.core.numeric', '_frombuffer'] = np.core.numeric._frombuffer
    dtypes = {('numpy.dtypes', name): getattr(np.dtypes, name) for name in np.dtypes.__all__}
    return plain | arrays | dtypes


_ADMITTED = _admitted()
