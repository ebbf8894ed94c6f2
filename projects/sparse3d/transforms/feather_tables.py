"""Feather files (Arrow IPC): tables, and sweeps of points such as Argoverse 2's."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.column_tables import Columns

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(content: bytes, path: str | os.PathLike) -> pa.Table:
    """The table of a file.

    Args:
        content: of the file; a mapped file that is cut meanwhile would end the process.
        path: for the errors.

    Raises:
        DataError: for a file that is cut short or another one.
    """
    import pyarrow as pa
    import pyarrow.feather as feather
    try:
        table = feather.read_table(pa.BufferReader(content), memory_map=False)
        table.validate(full=True)  # offsets of texts that leave the file would end the process
        _ = table.column_names     # a damaged one is no text
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f'{path} is no whole feather file ({str(error).splitlines()[0]:.80}); '
                        f'fetch it again') from error
    return table


def read_feather_cloud(content: bytes, path: str | os.PathLike) -> Columns:
    """The columns of numbers by name.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        DataError: for a file that is cut short or another one, or a column with empty values.
    """
    import pyarrow as pa
    table, columns = read_table(content, path), {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            continue
        if column.null_count:
            raise DataError(f'{path} has {column.null_count} empty values in {name}; fetch it '
                            f'again')
        columns[name] = np.ascontiguousarray(column.to_numpy())
    return columns
