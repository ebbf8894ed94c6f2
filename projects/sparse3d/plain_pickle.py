"""Pickles of plain data: containers, numbers, text and numpy arrays, nothing that runs code."""
from __future__ import annotations

import io
import pickle
from typing import Any

from sparse3d.errors import DataError

_BUILTINS = {'set', 'frozenset', 'bytearray', 'complex', 'slice', 'range'}
_ALLOWED = {
    'builtins': _BUILTINS,
    '__builtin__': _BUILTINS,   # pickles of protocol 2 and before
    'collections': {'OrderedDict'},
    '_codecs': {'encode'},
    'numpy': {'ndarray', 'dtype', 'bool_', 'float16', 'float32', 'float64', 'int8', 'int16',
              'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'str_', 'bytes_'},
    'numpy.core.multiarray': {'_reconstruct', 'scalar'},
    'numpy._core.multiarray': {'_reconstruct', 'scalar'},
    'numpy.core.numeric': {'_frombuffer'},
    'numpy._core.numeric': {'_frombuffer'},
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name not in _ALLOWED.get(module, ()):
            raise DataError(f'it asks for {module}.{name}, which is not plain data')
        return super().find_class(module, name)


def loads_plain(content: bytes, source: str) -> Any:
    """Unpickle plain data.

    Args:
        content: the pickle; bytes after its end are ignored.
        source: the file's name for the error.

    Raises:
        DataError: if the pickle is damaged or holds anything but plain data.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content)).load()
    except DataError as error:
        raise DataError(f'{source} is refused: {error}') from error
    except Exception as error:  # a damaged pickle can raise nearly everything
        raise DataError(f'{source} is damaged or not a pickle ({type(error).__name__}: {error}); '
                        f'make it again with tools/create_data.py') from error
