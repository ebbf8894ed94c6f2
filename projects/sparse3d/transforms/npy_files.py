"""NumPy's ``.npy`` files, whole or refused: plain tables and structured arrays."""
from __future__ import annotations

import io
import os

import numpy as np
from numpy.lib import format as npy_format

from sparse3d.errors import DataError

_MAX_HEADER = 1 << 16
_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def read_npy(content: bytes, path: str | os.PathLike) -> np.ndarray:
    """The array of a ``.npy`` file: numbers, or rows of named numbers.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        DataError: if it holds anything but real numbers, or more or fewer of them than its
            header declares.
    """
    if content.startswith(b'PK'):
        raise DataError(f'{path} is no plain array of numbers but several in an archive (.npz, '
                        f'.pth); save the array alone with numpy.save')
    stream = io.BytesIO(content)
    try:
        version = npy_format.read_magic(stream)
        shape, fortran, dtype = _READERS[version](stream, max_header_size=_MAX_HEADER)
        rows = int(np.prod([int(size) for size in shape], dtype=object)) if shape else 1
    except Exception as error:  # a damaged header can raise nearly everything
        raise DataError(f'{path} is no plain array of numbers: '
                        f'{str(error).splitlines()[0][:120] if str(error) else "damaged"}'
                        ) from error
    kinds = {dtype[name].base.kind for name in dtype.names} if dtype.names else {dtype.kind}
    if dtype.hasobject or not kinds <= set('fiub'):
        raise DataError(f'{path} is no plain array of numbers: it holds {dtype}')
    start = stream.tell()
    if min(shape, default=1) < 0 or len(content) - start != rows * dtype.itemsize:
        raise DataError(f'{path} is cut short or damaged, no plain array of numbers: its header '
                        f'declares {shape} of {dtype}, {len(content) - start:,} bytes follow')
    flat = np.frombuffer(content, dtype, rows, start) if rows and dtype.itemsize else \
        np.zeros(rows, dtype)
    return flat.reshape(shape, order='F' if fortran else 'C')
