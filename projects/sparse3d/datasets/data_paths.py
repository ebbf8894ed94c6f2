"""Names inside info files, kept inside the data root."""
from __future__ import annotations

import os
from pathlib import Path

from sparse3d.errors import DataError


def path_inside(folder: str | os.PathLike, name: str) -> Path:
    """Join a name that comes from a file to a folder that comes from the user.

    Links inside the folder are the user's own and are followed; the name itself
    must not lead out of the folder.

    Raises:
        DataError: if ``name`` is absolute, empty or climbs out with ``..``.
    """
    text = str(name).replace('\\', '/')
    parts = [part for part in text.split('/') if part not in ('', '.')]
    if not parts or text.startswith('/') or '..' in parts or '\0' in text:
        raise DataError(f'the path {name!r} leaves the folder {folder}: an info file may only '
                        f'name files inside its data root')
    return Path(folder, *parts)
