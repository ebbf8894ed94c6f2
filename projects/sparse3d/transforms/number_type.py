"""Whether the bytes of a raw file are float32: the file does not say, its numbers do."""
from __future__ import annotations

import os
import string

import numpy as np

from sparse3d.errors import DataError

_MIN_NUMBERS = 100        # fewer tell nothing
_MAX_BYTES = 1 << 18      # from the middle of a file
_LARGE, _SMALL = 1e8, 1e-12  # meters, intensities and times lie between them, or are zero
_FEW, _SOME, _MOST = 0.02, 0.1, 0.5  # shares of numbers that lie elsewhere
_OTHERS = {'>f4': 'big-endian float32', '<f8': 'float64'}
_TEXT = frozenset(string.printable.encode())


def refuse_other_numbers(content: bytes, path: str | os.PathLike) -> None:
    """Raise if raw bytes look like text, float64, big-endian or no numbers, not like float32.

    Args:
        content: of the file.
        path: for the error.

    Raises:
        DataError: naming what it looks like.
    """
    if len(content) < 4 * _MIN_NUMBERS:
        return
    start = max(len(content) - _MAX_BYTES, 0) // 2 // 8 * 8
    sample = content[start:start + _MAX_BYTES]
    if _TEXT.issuperset(sample):
        raise DataError(f'{path} holds text, not float32 numbers; save it with '
                        f'points.astype("float32").tofile(...), or as .npy')
    odd = _odd_share(sample, '<f4')
    if odd < _SOME:
        return
    for kind, words in _OTHERS.items():
        if _odd_share(sample, kind) < _FEW:
            raise DataError(f'{path} looks like {words}, not like float32 (little-endian); save it '
                            f'with points.astype("<f4").tofile(...)')
    if odd > _MOST:
        raise DataError(f'{path} holds no float32 numbers: {odd:.0%} of them are beyond '
                        f'{_LARGE:g} or within {_SMALL:g} of zero; save it anew, as .npy '
                        f'for instance')


def _odd_share(sample: bytes, kind: str) -> float:
    size = np.dtype(kind).itemsize
    numbers = np.abs(np.frombuffer(sample[:len(sample) // size * size], kind))
    with np.errstate(invalid='ignore'):
        return float(np.mean((numbers > _LARGE) | ((numbers < _SMALL) & (numbers > 0))))
