"""How many numbers a point of a raw float32 file has: the file does not say, its numbers do."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.number_type import refuse_other_numbers
from sparse3d.transforms.point_files import read_bytes

CANDIDATES = range(3, 11)
_MIN_ROWS = 100     # fewer points tell nothing
_MAX_NUMBERS = 40000
_BLOCKS = 20
_MARGIN = 0.18      # of the mean logarithm of spreads; real clouds differ by 0.2 to 0.9


def likely_columns(numbers: np.ndarray, expected: int) -> int:
    """The number of columns that makes each column of one kind; ``expected`` unless it is clear.

    In rows of the right length each column holds one quantity, most of them of a narrow spread
    (height, intensity, ring); in rows of another length all columns are mixtures.

    Args:
        numbers: the numbers of a file, one after the other.
        expected: what the user says.
    """
    scores = {}
    for count in {*CANDIDATES, expected}:
        if len(numbers) % count == 0 and len(numbers) >= _MIN_ROWS * count:
            scores[count] = _spread(_some_rows(numbers.reshape(-1, count)))
    if expected not in scores:
        return expected
    best = min(scores.values())
    if scores[expected] <= best + _MARGIN:
        return expected
    return min(count for count, score in scores.items() if score < best + 0.1)


def refuse_other_columns(paths: Sequence[str | os.PathLike], columns: int) -> None:
    """Raise if raw files look like points of another number of columns.

    Raises:
        DataError: naming the file and both numbers, or what it holds in place of float32.
    """
    for path in paths:
        content = read_bytes(path)
        refuse_other_numbers(content, path)
        if len(content) % 4 or (len(content) // 4) % columns:
            continue  # the reader has a sentence of its own
        found = likely_columns(np.frombuffer(content, '<f4'), columns)
        if found != columns:
            raise DataError(f'{path} looks like points of {found} numbers, not {columns}; '
                            f'give --columns {found}, or write the file anew')


def _some_rows(rows: np.ndarray) -> np.ndarray:
    """Blocks of neighboring rows from the whole sweep; every n-th row would keep one phase."""
    block = max(1, _MAX_NUMBERS // (_BLOCKS * rows.shape[1]))
    if len(rows) <= _BLOCKS * block:
        return rows
    begins = np.linspace(0, len(rows) - block, _BLOCKS).astype(int)
    return np.concatenate([rows[begin:begin + block] for begin in begins])


def _spread(rows: np.ndarray) -> float:
    """Mean logarithm of the spread of the columns, in ranks among all numbers."""
    values = np.nan_to_num(rows.ravel())
    if values.min() == values.max():
        return 0.0
    order = np.sort(values)
    ranks = (np.searchsorted(order, values, 'left') + np.searchsorted(order, values, 'right'))
    low, high = np.percentile(ranks.reshape(rows.shape) / (2 * len(values)), (10, 90), axis=0)
    return float(np.mean(np.log(np.clip(high - low, 0.02, None))))
