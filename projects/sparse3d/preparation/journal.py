"""Finished pieces of a preparation kept on disk, so that it can continue where it stopped."""
from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import empty_folder
from sparse3d.errors import DataError
from sparse3d.transforms.data_paths import file_name
from sparse3d.transforms.info_files import read_plain_file, write_plain_file


class Journal:
    """A folder with one small file per finished piece, valid for one set of options.

    A piece counts as finished only while the files it was made from have the size
    and time of change that they had then.
    """

    def __init__(self, folder: Path, options: dict) -> None:
        self.folder = folder
        if self._stored_options() != options:
            empty_folder(folder)
            write_plain_file(folder / 'options.pkl', options)

    def load(self, name: str, sources: Iterable[Path]) -> Any | None:
        """What was saved for a piece, or None if it has to be made (again)."""
        try:
            entry = read_plain_file(self._file(name))
        except DataError:
            return None
        return entry['result'] if entry['sources'] == _state(sources) else None

    def save(self, name: str, sources: Iterable[Path], result: Any) -> None:
        """Keep the result of a finished piece; plain data only."""
        write_plain_file(self._file(name), dict(sources=_state(sources), result=result))

    def remove(self) -> None:
        """Delete the journal when everything it served is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.folder / f'piece_{file_name(name)}.pkl'

    def _stored_options(self) -> dict | None:
        try:
            return read_plain_file(self.folder / 'options.pkl')
        except DataError:
            return None


def _state(sources: Iterable[Path]) -> list[tuple[str, int, int]]:
    stats = [(path, path.stat()) for path in sources if path.exists()]
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
