"""Info files of mmdet3d before 1.1, converted to the layout of 1.4."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparse3d.datasets.kitti.prepare import upgrade as kitti_upgrade
from sparse3d.datasets.nuscenes.prepare import upgrade as nuscenes_upgrade
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import is_old_layout, read_plain_file, write_info_file


def upgrade_info_file(path: str | os.PathLike, out: str | os.PathLike | None = None) -> str:
    """Convert an info file of nuScenes or KITTI; returns what was done, in words.

    The old file is read without running code that it might name.

    Args:
        path: the old file.
        out: the new file; by default ``path``, and the old file gets the ending ``.old``.

    Raises:
        DataError: if it is no old file of these data sets, is damaged, or could be read in
            two ways.
    """
    path = Path(path)
    old = read_plain_file(path)
    kind = _kind(old)
    if kind == 'nuscenes':
        metainfo, entries, said = nuscenes_upgrade.upgraded_nuscenes(old, path)
    elif kind == 'kitti':
        (metainfo, entries), said = kitti_upgrade.upgraded_kitti(old, path), kitti_upgrade.SENTENCE
    else:
        raise DataError(f'{path} {_REFUSALS[kind]}')
    if out is None:
        os.replace(path, f'{path}.old')
    write_info_file(out or path, metainfo, entries)
    kept = '' if out else f'; the old file is {path}.old'
    return f'wrote {out or path}: {len(entries)} samples, {said}{kept}'


_REFUSALS = dict(
    waymo='is an info file of Waymo, which is not converted, since it lacks what the metric '
          'needs; make it again with "python tools/create_data.py waymo"',
    openpcdet='was written by OpenPCDet; make it again with "python tools/create_data.py kitti"',
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
