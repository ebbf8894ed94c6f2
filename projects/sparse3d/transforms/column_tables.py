"""Rows of declared columns, as text or as bytes, read with every row that was declared."""
from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from sparse3d.errors import DataError

Columns = dict[str, np.ndarray]  # name -> (N,) numbers, in the order of the file
MAX_ROW_BYTES = 1 << 16
_FILLING = b'\0\r\n\t '  # what writers leave after the last row


def text_rows(lines: Sequence[str], dtype: np.dtype, path: str | os.PathLike) -> np.ndarray:
    """Lines of words as an (N, words) float64 table.

    Args:
        lines: one row each, as many as were declared.
        dtype: structured type of a row; integers outside of their type are refused.
        path: for the error.

    Raises:
        DataError: if a line has another number of words, or a word is no number of its type.
    """
    kinds = _kinds(dtype)
    if not lines:
        return np.zeros((0, len(kinds)))
    try:
        table = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except ValueError as error:
        hint = '; write decimal points, not commas' if re.search(r"'-?\d+,\d+'", str(error)) \
            else ''
        raise DataError(f'{path} is damaged: {str(error).rstrip(".")}{hint}') from error
    if table.shape != (len(lines), len(kinds)):
        raise DataError(f'{path} is damaged: its rows have {table.shape[1]} words, its header '
                        f'declares {len(kinds)}')
    for column, kind in zip(table.T, kinds, strict=True):
        if kind.kind in 'iu':
            limits = np.iinfo(kind)
            if not ((column >= limits.min) & (column <= limits.max)).all():
                raise DataError(f'{path} is damaged: a column declared as {kind.name} holds '
                                f'{column.min():g} to {column.max():g}')
    return table


def text_columns(lines: Sequence[str], dtype: np.dtype, path: str | os.PathLike) -> Columns:
    """Like :func:`text_rows`, by name; columns of several numbers and fillers are left out."""
    table, columns, place = text_rows(lines, dtype, path), {}, 0
    for name in dtype.names:
        width = int(np.prod(dtype[name].shape, dtype=int))
        if not dtype[name].shape:
            columns[name] = table[:, place]
        place += width
    return _named(columns)


def byte_columns(content: bytes, start: int, rows: int, dtype: np.dtype,
                 path: str | os.PathLike) -> Columns:
    """Rows of bytes, by name; columns of several numbers and fillers are left out.

    Raises:
        DataError: if the content ends before the last row.
    """
    if len(content) - start < rows * dtype.itemsize:
        raise cut_short(path, rows, max(len(content) - start, 0) // dtype.itemsize)
    table = np.frombuffer(content, dtype, rows, start) if rows else np.zeros(0, dtype)
    return _named({name: table[name] for name in dtype.names if not dtype[name].shape})


def row_type(fields: Sequence[tuple[str, str, int]], path: str | os.PathLike) -> np.dtype:
    """The type of a row of (name, numpy type, count); fillers named ``_`` may stand often.

    Raises:
        DataError: for two columns of one name, or a row of more than 64 KiB.
    """
    names = [name if name != '_' else f'_{place}' for place, (name, _, _) in enumerate(fields)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f'{path} declares two columns named {twice!r}; keep one')
    if sum(np.dtype(kind).itemsize * count for _, kind, count in fields) > MAX_ROW_BYTES:
        raise DataError(f'{path} is damaged: it declares rows of more than {MAX_ROW_BYTES} bytes')
    return np.dtype([(name, kind) if count == 1 else (name, kind, (count, ))
                     for name, (_, kind, count) in zip(names, fields, strict=True)])


def refuse_rest(content: bytes, end: int, row_bytes: int, path: str | os.PathLike) -> None:
    """Raise unless nothing but a filling shorter than one row follows the last row."""
    rest = len(content) - end
    if rest and (rest >= max(row_bytes, 1) or content[end:].strip(_FILLING)):
        raise DataError(f'{path} is damaged: {rest} bytes follow the last row that its header '
                        f'declares')


def text_lines(content: bytes, path: str | os.PathLike) -> list[str]:
    """The lines of the body of a text file that are not blank.

    Raises:
        DataError: if the last line does not end (the file was cut within it) or is no text.
    """
    if content and content[-1:] not in (b'\n', b'\r'):
        raise DataError(f'{path} is cut short: its last line does not end; if it is whole, put a '
                        f'line end behind it')
    try:
        return [line for line in content.decode('ascii').splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f'{path} is damaged: it holds bytes that are no text') from error


def cut_short(path: str | os.PathLike, declared: int, found: int) -> DataError:
    """The error for a file that has fewer rows than its header declares."""
    return DataError(f'{path} is cut short or damaged: its header declares {declared:,} rows, '
                     f'it holds {found:,}')


def _kinds(dtype: np.dtype) -> list[np.dtype]:
    return [dtype[name].base for name in dtype.names
            for _ in range(int(np.prod(dtype[name].shape, dtype=int)))]


def _named(columns: Columns) -> Columns:
    return {name: values for name, values in columns.items() if not name.startswith('_')}
