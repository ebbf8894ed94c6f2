"""Point clouds of any common file format as one array."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sparse3d.datasets.point_files import load_points, read_bytes
from sparse3d.errors import DataError

SUFFIXES = ('.bin', '.npy', '.pcd', '.ply')
# Names under which other programs keep what is measured beside x, y, z.
_MORE_COLUMNS = (('intensity', 'intensities', 'reflectance', 'scalar_intensity'),
                 ('time', 'timestamp', 'age', 't'))


def read_cloud(path: str | os.PathLike, columns: int = 4) -> np.ndarray:
    """Read a point cloud: ``.bin`` (float32 rows), ``.npy``, ``.pcd`` or ``.ply``.

    ``.pcd`` and ``.ply`` hold named columns: x, y, z, then intensity, then time as far as
    they are there; what the file lacks of ``columns`` is zero.

    Args:
        path: the file; its suffix tells the format.
        columns: numbers per point wanted, x, y, z first.

    Returns:
        (N, columns) float32; metres, LiDAR frame of the file.

    Raises:
        DataError: if the file is missing, damaged, of another format, or has another
            number of columns.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f'{path} is no point cloud that can be read; give {", ".join(SUFFIXES)}')
    if suffix == '.bin':
        return load_points(path, columns)
    points = _read_npy(path) if suffix == '.npy' else _read_named(path, columns)
    if points.ndim != 2 or points.shape[1] != columns:
        raise DataError(f'{path} holds an array of shape {points.shape}; '
                        f'(N, {columns}) is needed')
    return points


def clouds_in(path: str | os.PathLike) -> list[Path]:
    """The file itself, or all point clouds of a folder in order of their names.

    Raises:
        DataError: if there is none.
    """
    path = Path(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) \
        if path.is_dir() else [path]
    if not files:
        raise DataError(f'the folder {path} has no point cloud ({", ".join(SUFFIXES)})')
    return files


def _read_npy(path: Path) -> np.ndarray:
    read_bytes(path)  # a sentence of its own for a missing file
    try:
        return np.load(path, allow_pickle=False).astype(np.float32)
    except (ValueError, EOFError, OSError, TypeError) as error:
        raise DataError(f'{path} is no plain array of numbers: {error}') from error


def _read_named(path: Path, columns: int) -> np.ndarray:
    import open3d
    size = len(read_bytes(path))
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        cloud = open3d.t.io.read_point_cloud(str(path))
    if 'positions' not in cloud.point or (cloud.point.positions.shape[0] == 0 and size > 1024):
        raise DataError(f'{path} is damaged or holds no points with x, y, z')
    points = np.zeros((cloud.point.positions.shape[0], columns), np.float32)
    points[:, :3] = cloud.point.positions.numpy()
    names = {name.lower(): name for name in cloud.point}
    for column, known in zip(range(3, columns), _MORE_COLUMNS, strict=False):
        found = next((names[name] for name in known if name in names), None)
        if found is not None:
            points[:, column] = cloud.point[found].numpy().reshape(len(points))
    return points
