"""Feather files (Arrow IPC) as columns of numpy, and back; pyarrow alone reads them."""
from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.transforms.feather_tables import read_table

Columns = dict[str, np.ndarray]
QUATERNION, TRANSLATION = ('qw', 'qx', 'qy', 'qz'), ('tx_m', 'ty_m', 'tz_m')
SIZE = ('length_m', 'width_m', 'height_m')
WHOLE = ('timestamp_ns',)  # a float64 has no digits left for nanoseconds since 1970
TEXT = ('track_uuid', 'category', 'sensor_name', 'log_id')


def read_feather(path: str | os.PathLike, columns: tuple[str, ...],
                 optional: tuple[str, ...] = ()) -> Columns:
    """Some columns of a file, all of one length.

    Args:
        path: of the file.
        columns: names that have to be there; those of :data:`TEXT` become objects, the others
            numbers as they are stored.
        optional: names that may be absent.

    Raises:
        DataError: for a file that is absent, cut short or another one, or a column that is
            absent, has gaps, or holds no numbers.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist; fetch it again') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error
    table = read_table(content, path)
    names = table.column_names
    absent = [name for name in columns if name not in names]
    if absent:
        raise DataError(f'{path} lacks the column {absent[0]}; it has {", ".join(names)!r:.300}')
    return {name: _column(table, name, path) for name in (*columns, *optional) if name in names}


def _column(table: pa.Table, name: str, path: Path) -> np.ndarray:
    column = table.column(name)
    try:
        if column.null_count:
            raise DataError(f'{path} has {column.null_count} empty values in {name}; fetch it '
                            f'again')
        if name in TEXT:
            return np.array(column.cast(pa.string()).to_pylist(), dtype=object)
        values = column.to_numpy()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f'{path} is damaged in the column {name} '
                        f'({str(error).splitlines()[0]:.80}); fetch it again') from error
    if values.dtype.kind not in ('iu' if name in WHOLE else 'iuf'):
        wanted = ('whole numbers (int64): other types lose nanoseconds or count from elsewhere'
                  if name in WHOLE else 'numbers')
        raise DataError(f'{path} has values of type {column.type} in {name}; they have to be '
                        f'{wanted}')
    if values.dtype.kind == 'f' and not np.isfinite(values).all():
        raise DataError(f'{path} has NaN or infinity in {name}; fetch it again')
    return values


def write_feather(path: str | os.PathLike, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns as a whole or not at all, compressed as the published files are.

    Raises:
        DataError: if the file cannot be written.
    """
    arrays = {name: pa.array(list(values), pa.string()) if name in TEXT else
              pa.array(np.ascontiguousarray(values)) for name, values in columns.items()}
    buffer = io.BytesIO()
    feather.write_feather(pa.table(arrays), buffer, compression='lz4')
    write_bytes_atomically(path, buffer.getvalue())


def stacked(columns: Columns, names: tuple[str, ...]) -> np.ndarray:
    """(N, len(names)) float64 of some columns."""
    return np.column_stack([columns[name].astype(np.float64) for name in names])
