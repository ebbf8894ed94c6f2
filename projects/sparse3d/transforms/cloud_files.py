"""Point clouds of any common file format as one array."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparse3d.errors import DataError
from sparse3d.remote_files import remote_names
from sparse3d.remote_paths import address_of, is_remote
from sparse3d.transforms.feather_tables import read_feather_cloud
from sparse3d.transforms.las_files import read_las
from sparse3d.transforms.named_columns import (
    column_names,
    points_of_columns,
    refuse_map_coordinates,
    say_incomplete_points,
)
from sparse3d.transforms.npy_files import read_npy
from sparse3d.transforms.number_type import refuse_other_numbers
from sparse3d.transforms.pcd_files import read_pcd
from sparse3d.transforms.ply_files import read_ply
from sparse3d.transforms.point_files import points_of_bytes, read_bytes

# Readers of files whose columns have names.
_NAMED = {'.pcd': read_pcd, '.ply': read_ply, '.las': read_las, '.laz': read_las,
          '.feather': read_feather_cloud}
SUFFIXES = ('.bin', '.npy', *_NAMED)


def read_cloud(path: str | os.PathLike, columns: int = 4,
               names: Sequence[str] | None = None) -> np.ndarray:
    """Read a cloud: ``.bin`` (float32 rows), ``.npy``, ``.pcd``, ``.ply``, ``.las``, ``.laz``,
    ``.feather`` (Argoverse 2's sweeps).

    Files with named columns (also structured ``.npy``) are matched by name, see
    :data:`sparse3d.transforms.named_columns.KNOWN_AS`; what the file lacks is zero, and said
    once for a folder. Every row that a file declares must be there.

    Args:
        path: the file; its suffix tells the format, in either case.
        columns: numbers per point wanted, x, y, z first.
        names: what they mean, e.g. ``('x', 'y', 'z', 'intensity', 'elongation')``; by default
            x, y, z, intensity, age.

    Returns:
        (N, columns) float32; meters, LiDAR frame of the file.

    Raises:
        DataError: if the file is missing, damaged, cut short, of another format, has another
            number of columns, or holds map coordinates that float32 cannot keep.
        BackendUnavailable: for ``.las`` and ``.laz`` without laspy.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    names = column_names(columns) if names is None else tuple(names)
    if suffix not in SUFFIXES:
        if not is_remote(path) and not path.exists():
            raise DataError(f'{path} does not exist')
        raise DataError(f'{path} is no point cloud that can be read; give {", ".join(SUFFIXES)}')
    if suffix in _NAMED:
        return points_of_columns(_NAMED[suffix](read_bytes(path), path), names, path)
    content = read_bytes(path)
    if suffix == '.bin':
        refuse_other_numbers(content, path)
        points = points_of_bytes(content, columns, path)
    else:
        points = read_npy(content, path)
    if points.dtype.names:
        found = {name: points[name].ravel() for name in points.dtype.names
                 if not points.dtype[name].shape}
        return points_of_columns(found, names, path)
    if points.ndim != 2 or points.shape[1] != columns:
        raise DataError(f'{path} holds an array of shape {points.shape}; '
                        f'(N, {columns}) is needed{_way_out(points.shape, names)}')
    refuse_map_coordinates(points[:, :3].T, path)
    with np.errstate(over='ignore'):
        points = points.astype(np.float32)
    say_incomplete_points(points, names, path)
    return points


def _way_out(shape: Sequence[int], names: Sequence[str]) -> str:
    """What makes rows of points of another array; the end of a sentence."""
    columns = len(names)
    if len(shape) == 2 and shape[0] == columns:
        return ': it is transposed, save points.T'
    if len(shape) > 2 and shape[-1] == columns:
        return f': save points.reshape(-1, {columns})'
    if len(shape) == 2 and shape[1] > columns:
        return f': save the columns {", ".join(names)} alone'
    if len(shape) == 2 and 3 <= shape[1] < columns:
        return (f': it lacks {", ".join(names[shape[1]:])}; write 0 where it is unknown, or give '
                f'--columns {shape[1]} to create-data custom')
    return ''


def clouds_in(path: str | os.PathLike) -> list[Path]:
    """The file itself, or all point clouds of a folder in order of their names.

    Names that begin with a dot (macOS leaves them beside files) are no clouds.

    Raises:
        DataError: if there is none.
    """
    path = Path(path)
    if is_remote(path):
        files = [path] if is_cloud(path) else sorted(
            path / name for name in remote_names(path) or () if is_cloud(Path(name)))
    else:
        files = sorted(filter(is_cloud, path.iterdir())) if path.is_dir() else [path]
    if not files:
        where = f'{address_of(path)} is not there, or' if is_remote(path) else f'the folder {path}'
        raise DataError(f'{where} has no point cloud ({", ".join(SUFFIXES)})')
    return files


def is_cloud(path: Path) -> bool:
    """Whether a file of a folder is a point cloud, by its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith('.')
