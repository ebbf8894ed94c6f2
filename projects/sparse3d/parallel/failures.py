"""Pieces of work that failed, by name with their reason: said at once, and kept for another try."""
from __future__ import annotations

import json
import os
import reprlib
import sys
from collections.abc import Callable
from pathlib import Path

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.errors import DataError


class Failures:
    """What failed in one run.

    Args:
        folder: which the run fills; ``.failed_pieces`` (JSON) goes there; it has no
            ending, as folders of results may be read as a whole. None keeps no file.
        what: a piece, in sentences: ``'segment'``.
        way_out: end of the sentence that ends a run with failures.
        name: of an item.
        part: of a work that is split over machines, as in the names of its files.
    """

    def __init__(self, folder: str | os.PathLike | None = None, what: str = 'piece',
                 way_out: str = '', name: Callable[[object], str] | None = None,
                 part: str = '') -> None:
        self.path = None if folder is None else _path(folder, part)
        self.what, self.way_out = what, way_out
        self.name = name or item_name
        self.reasons: dict[str, str] = {}
        self._first: DataError | None = None
        self._total = 0

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, name: str, error: DataError) -> None:
        """Note a piece that failed, and say so."""
        self._first = self._first or error
        self.reasons[name] = str(error)
        print(f'failed: {self.what} {name}: {error}', file=sys.stderr, flush=True)

    def close(self, total: int) -> None:
        """Keep the failures of a run of so many pieces; without any the file goes."""
        self._total = total
        if self.path is None:
            return
        if self.reasons:
            make_folder(self.path.parent)
            content = {'pieces': total, 'failed': self.reasons}
            write_bytes_atomically(self.path, json.dumps(content, indent=2).encode())
        elif self.path.is_file():
            self.path.unlink()

    def refuse(self) -> None:
        """Raise a :class:`DataError` if anything failed: the first reason, and how many more."""
        if not self.reasons:
            return
        name, reason = next(iter(self.reasons.items()))
        notes = [] if name in reason else [f'{self.what} {name}']
        notes += [self.way_out] if self.way_out else []
        text = reason + (f' ({"; ".join(notes)})' if notes else '')
        if len(self) > 1:
            text += (f'; {len(self)} of {self._total} failed'
                     + (f', each with its reason in {self.path}' if self.path else ''))
        raise DataError(text) from self._first


def failed_before(folder: str | os.PathLike, part: str = '') -> dict[str, str]:
    """What failed in the last run that filled a folder: reasons by name.

    Raises:
        DataError: if nothing did, or the file cannot be read.
    """
    path = _path(folder, part)
    if not path.is_file():
        raise DataError(f'there is nothing to retry: the last run noted no failure in {path}; run '
                        f'without --retry-failed')
    try:
        failed = json.loads(path.read_text())['failed']
        return {str(name): str(reason) for name, reason in failed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f'{path} is damaged ({error}); remove it and run without --retry-failed'
                        ) from error


def say_retried(folder: str | os.PathLike, part: str = '') -> None:
    """Say what is done once more, of a run that continues where it stopped by itself.

    Raises:
        DataError: see :func:`failed_before`.
    """
    failed = failed_before(folder, part)
    names = ', '.join(list(failed)[:5]) + (', ...' if len(failed) > 5 else '')
    print(f'{len(failed)} failed in the last run, done once more: {names}', file=sys.stderr,
          flush=True)


def _path(folder: str | os.PathLike, part: str) -> Path:
    return Path(folder) / f'.failed_pieces{part}'


def item_name(item: object) -> str:
    """An item in a sentence: its name if it has one; of a tuple, its first entry's."""
    item = item[0] if isinstance(item, tuple) and item else item
    return str(getattr(item, 'name', None) or reprlib.repr(item))
