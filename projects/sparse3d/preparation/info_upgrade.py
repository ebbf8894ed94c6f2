"""Info files of mmdet3d before 1.1, converted to the layout of 1.4."""
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sparse3d.errors import DataError
from sparse3d.transforms.info_files import is_old_layout, read_plain_file, write_info_file

# (what the old file holds, its path) -> metainfo, entries, and what was done, in words
Upgrade = Callable[[Any, Path], tuple[dict, list[dict], str]]


def upgrade_info_file(path: str | os.PathLike, upgrades: Mapping[str, Upgrade],
                      out: str | os.PathLike | None = None) -> str:
    """Convert an info file of one of the data sets; returns what was done, in words.

    The old file is read without running code that it might name.

    Args:
        path: the old file.
        upgrades: of each data set, ``'nuscenes'`` and ``'kitti'``.
        out: the new file; by default ``path``, and the old file gets the ending ``.old``.

    Raises:
        DataError: if it is no old file of these data sets, is damaged, or could be read in
            two ways.
    """
    path = Path(path)
    old = read_plain_file(path)
    kind = _kind(old)
    if kind not in upgrades:
        raise DataError(f'{path} {_REFUSALS.get(kind, _REFUSALS["other"])}')
    metainfo, entries, said = upgrades[kind](old, path)
    if out is None:
        os.replace(path, f'{path}.old')
    write_info_file(out or path, metainfo, entries)
    kept = '' if out else f'; the old file is {path}.old'
    return f'wrote {out or path}: {len(entries)} samples, {said}{kept}'


_REFUSALS = dict(
    waymo='is an info file of Waymo, which is not converted, since it lacks what the metric '
          'needs; make it again with "sparse3d create-data waymo"',
    openpcdet='was written by OpenPCDet; make it again with "sparse3d create-data kitti"',
    other='is not an info file of nuScenes or KITTI written by mmdet3d before 1.1; '
          '"create_data.py check" says what a prepared folder holds')


def _kind(old: Any) -> str:
    """Whose file it is: ``'nuscenes'``, ``'kitti'`` or a key of the refusals."""
    frames = old.get('infos') if isinstance(old, Mapping) else old
    if not is_old_layout(old) or not frames or not isinstance(frames[0], Mapping):
        return 'other'
    first = frames[0]
    if isinstance(old, Mapping):
        return 'nuscenes' if 'lidar2ego_rotation' in first else 'other'
    if 'pose' in first or 'P4' in first.get('calib', {}):
        return 'waymo'
    if 'lidar_idx' in first.get('point_cloud', {}):
        return 'openpcdet'
    return 'kitti' if {'image', 'point_cloud', 'calib'} <= set(first) else 'other'
