"""Info files of mmdet3d before 1.1, and of others, converted to the layout of 1.4."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sparse3d.atomic_files import move_file
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import (
    is_old_layout,
    openpcdet_data_set,
    read_plain_file,
    refuse_openpcdet,
    write_info_file,
)

# (what the old file holds, its path) -> metainfo, entries, and what was done, in words; None
# where the file is of another data set.
Upgrade = Callable[[Any, Path], tuple[dict, list[dict], str] | None]


def upgrade_info_file(path: str | os.PathLike, upgrades: Iterable[Upgrade],
                      out: str | os.PathLike | None = None) -> str:
    """Convert an info file of one of the data sets; returns what was done, in words.

    The old file is read without running code that it might name.

    Args:
        path: the old file.
        upgrades: of each data set; the first that knows the file converts it.
        out: the new file; by default ``path``, and the old file gets the ending ``.old``.

    Raises:
        DataError: if it is no old file of these data sets, is damaged, or could be read in
            two ways.
    """
    path = Path(path)
    old = read_plain_file(path)
    if openpcdet_data_set(old) != 'kitti':
        refuse_openpcdet(old, str(path))
    done = _upgraded(old, path, upgrades)
    if done is None:
        raise DataError(f'{path} is not an info file, written by mmdet3d before 1.1, of a data '
                        f'set that can be upgraded; "sparse3d check" says what a prepared '
                        f'folder holds')
    metainfo, entries, said = done
    written = Path(out or f'{path}.new')
    write_info_file(written, metainfo, entries)
    if out is None:  # only now: an error leaves the old file where it was
        move_file(path, f'{path}.old')
        move_file(written, path)
    kept = '' if out else f'; the old file is {path}.old'
    return f'wrote {out or path}: {len(entries)} samples, {said}{kept}'


def first_frame(old: Any) -> Mapping:
    """The first frame of an old info file; empty if there is none."""
    frames = old.get('infos') if isinstance(old, Mapping) else old
    return frames[0] if frames and isinstance(frames[0], Mapping) else {}


def _upgraded(old: Any, path: Path, upgrades: Iterable[Upgrade],
              ) -> tuple[dict, list[dict], str] | None:
    if not is_old_layout(old) or not first_frame(old):
        return None
    return next(filter(None, (upgrade(old, path) for upgrade in upgrades)), None)
