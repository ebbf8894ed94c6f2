"""Parquet tables of Waymo v2: columns by name, rows by time, in bounded memory."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparse3d.errors import DataError

SEGMENT, TIME = 'key.segment_context_name', 'key.frame_timestamp_micros'
_ROWS_AT_ONCE = 5             # a frame of the largest table has five rows
_READ_AHEAD = 1 << 20         # bytes
_LARGEST_SMALL_TABLE = 1 << 28


class ParquetTable:
    """One component of one segment.

    Columns are always selected by name: published files have a further index column.
    The names given and returned lack the prefix ``[Class].``; keys keep theirs.

    Args:
        path: ``<split>/<tag>/<segment>.parquet``.
        prefix: what precedes the names of the columns that are no keys.
        keys: names of the key columns after segment and time, e.g. ``key.laser_name``.
        columns: names of the other columns.
        timed: whether rows belong to a time (calibrations do not).

    Raises:
        DataError: if the file is missing or damaged, lacks a column or belongs to another
            segment.
    """

    def __init__(self, path: Path, prefix: str, keys: Sequence[str], columns: Sequence[str],
                 timed: bool = True) -> None:
        self.path = path
        self.names = {name: name for name in ([SEGMENT, TIME] if timed else [SEGMENT])}
        self.names.update({key: key for key in keys})
        self.names.update({f'{prefix}{column}': column for column in columns})
        self.timed = timed
        with named_errors(path):
            self._file = pq.ParquetFile(path, buffer_size=_READ_AHEAD, pre_buffer=False,
                                        page_checksum_verification=True)
            missing = [name for name in self.names if name not in self._file.schema_arrow.names]
        if missing:
            raise DataError(f'{path} lacks the column {missing[0]}')
        self._check_segment()

    def rows(self) -> list[dict[str, Any]]:
        """All rows of a small table."""
        metadata = self._file.metadata
        size = sum(metadata.row_group(group).total_byte_size
                   for group in range(metadata.num_row_groups))
        if not 0 <= size <= _LARGEST_SMALL_TABLE:
            raise DataError(f'{self.path} says that it holds {size} bytes; it is damaged')
        with named_errors(self.path):
            table = self._file.read(columns=list(self.names), use_threads=False)
            return table.rename_columns([self.names[name] for name in table.column_names]
                                        ).to_pylist()

    def rows_by_time(self) -> dict[int, list[dict[str, Any]]]:
        """All rows of a small table, grouped by timestamp."""
        groups: dict[int, list[dict]] = {}
        for row in self.rows():
            groups.setdefault(row[TIME], []).append(row)
        return groups

    def times(self) -> Counter[int]:
        """How many rows each timestamp has."""
        with named_errors(self.path):
            column = self._file.read(columns=[TIME], use_threads=False).column(TIME)
            return Counter(column.to_pylist())

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """A few rows at a time; lists of numbers come as numpy arrays."""
        with named_errors(self.path):
            for batch in self._file.iter_batches(_ROWS_AT_ONCE, columns=list(self.names),
                                                 use_threads=False):
                names = [self.names[name] for name in batch.schema.names]
                columns = [_cells(column) for column in batch.columns]
                yield [dict(zip(names, cells, strict=True)) for cells in zip(
                    *columns, strict=True)]

    def _check_segment(self) -> None:
        with named_errors(self.path):
            column = self._file.read(columns=[SEGMENT], use_threads=False).column(SEGMENT)
            found = set(column.unique().to_pylist())
        strangers = found - {self.path.stem}
        if strangers:
            raise DataError(f'{self.path} holds rows of the segment {min(strangers, key=str)!r}, '
                            f'not of its name')


class FrameRows:
    """Hands out the rows of a large table frame by frame, whatever order they lie in.

    Rows of later frames that come first are kept until they are asked for: nothing in a
    sorted file, one segment at worst.
    """

    def __init__(self, table: ParquetTable) -> None:
        self.path = table.path
        self._left = table.times()
        self._batches = table.batches()
        self._kept: dict[int, list[dict[str, Any]]] = {}

    def times(self) -> set[int]:
        """Timestamps that have rows."""
        return set(self._left)

    def take(self, timestamp: int) -> list[dict[str, Any]]:
        """Rows of one frame; each frame can be asked for once."""
        while len(self._kept.get(timestamp, ())) < self._left[timestamp]:
            rows = next(self._batches, None)
            if rows is None:
                raise DataError(f'{self.path} has fewer rows than it says; it is damaged')
            for row in rows:
                self._kept.setdefault(row[TIME], []).append(row)
        return self._kept.pop(timestamp, [])


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged Parquet file raises into a DataError with its name."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist') from error
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError,
            OverflowError, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f'{path} is damaged or no Parquet file: {text}') from error


def _cells(column: pa.Array) -> list[Any]:
    if pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type):
        # A cell is a view of its batch, which a kept row therefore keeps alive.
        return [cell.values.to_numpy(zero_copy_only=False) if cell.is_valid else np.zeros(0)
                for cell in column]
    return column.to_pylist()
