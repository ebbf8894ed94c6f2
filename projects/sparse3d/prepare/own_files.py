"""Files of a data set of one's own: boxes as csv or json, calibration as json, splits as text."""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.cloud_files import SUFFIXES
from sparse3d.datasets.point_files import read_bytes
from sparse3d.errors import DataError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')
SPLITS = ('train', 'val', 'test')
_NUMBERS = ('x', 'y', 'dx', 'dy', 'dz', 'yaw')
_VELOCITY = ('vx', 'vy')


@dataclass(frozen=True)
class OwnFrame:
    """The files of one frame; ``boxes`` is None if it is not labelled."""

    name: str
    cloud: Path
    boxes: Path | None
    images: Mapping[str, Path] = field(default_factory=dict)


def find_frames(root: Path) -> list[OwnFrame]:
    """Every frame of ``<root>/points``, in order of the names, with what belongs to it.

    Raises:
        DataError: if there is no point cloud, or two of one name.
    """
    clouds = sorted(path for path in (root / 'points').glob('*') if path.suffix in SUFFIXES)
    if not clouds:
        raise DataError(f'{root / "points"} holds no point cloud ({", ".join(SUFFIXES)}); '
                        f'see docs/custom_data.md for the layout')
    names = [path.stem for path in clouds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f'{root / "points"} holds two point clouds named {twice[0]}; keep one')
    labels = _by_stem(root / 'boxes', ('.csv', '.json'))
    cameras = sorted(path for path in (root / 'images').glob('*') if path.is_dir())
    pictures = {camera.name: _by_stem(camera, IMAGE_SUFFIXES) for camera in cameras}
    return [OwnFrame(path.stem, path, labels.get(path.stem),
                     {camera: found[path.stem] for camera, found in pictures.items()
                      if path.stem in found}) for path in clouds]


def find_splits(root: Path, frames: list[OwnFrame], validation: float) -> dict[str, list[str]]:
    """Names of the frames of each split: from ``<root>/splits/*.txt``, or the last part for val.

    Without split files the last frames validate, not random ones: neighbours in a drive
    are nearly the same frame.

    Raises:
        DataError: for a name without a point cloud, or a frame in two splits.
    """
    files = {split: root / 'splits' / f'{split}.txt' for split in SPLITS}
    present = {split: path for split, path in files.items() if path.is_file()}
    if not present:
        labelled = [frame.name for frame in frames if frame.boxes is not None]
        count = min(max(round(len(labelled) * validation), 1), max(len(labelled) - 1, 0))
        return dict(train=labelled[:len(labelled) - count], val=labelled[len(labelled) - count:])
    known, owner = {frame.name for frame in frames}, {}
    found = {}
    for split, path in present.items():
        found[split] = read_bytes(path).decode(errors='replace').split()
        for name in found[split]:
            if name not in known:
                raise DataError(f'{path} names {name}, and there is no points/{name}.*')
            if owner.setdefault(name, split) != split:
                raise DataError(f'{name} is in the splits {owner[name]} and {split}')
    return found


def read_boxes(path: Path) -> tuple[list[str], np.ndarray]:
    """Classes and boxes of a ``.csv`` file with a header, or of a ``.json`` list of dicts.

    Columns or keys: ``class``, ``x``, ``y``, ``z_bottom`` or ``z_center``, ``dx`` (along the
    heading), ``dy``, ``dz``, ``yaw``, and optionally ``vx``, ``vy``; metres, radians,
    metres per second, LiDAR frame.

    Returns:
        M class names and (M, 7 or 9) boxes with bottom centres.

    Raises:
        DataError: naming the file, the row and the column that is wrong.
    """
    rows = _read_csv(path) if path.suffix == '.csv' else _read_json_rows(path)
    names, boxes = [], []
    for number, row in enumerate(rows, 1):
        names.append(_text(row, 'class', path, number))
        boxes.append(_box(row, path, number))
    if len({len(box) for box in boxes}) > 1:
        raise DataError(f'{path} gives a velocity for some boxes only; leave unknown ones nan')
    return names, np.array(boxes, np.float64).reshape(len(boxes), -1 if boxes else 7)


def read_calibration(root: Path) -> dict[str, dict[str, np.ndarray]]:
    """``<root>/calibration.json``: by camera ``cam2img`` (3x3 or 4x4) and ``lidar2cam`` (4x4).

    Raises:
        DataError: if it is absent or a matrix has another shape.
    """
    path = root / 'calibration.json'
    content = _read_json(path)
    calibration = {}
    for camera, matrices in content.items() if isinstance(content, dict) else ():
        square = {}
        for key in ('cam2img', 'lidar2cam'):
            matrix = np.array(matrices.get(key, []), dtype=np.float64)
            if matrix.shape not in ((3, 3), (3, 4), (4, 4)):
                raise DataError(f'{path}: {key} of {camera} has the shape {matrix.shape}, '
                                f'not (3, 3) or (4, 4)')
            square[key] = np.eye(4)
            square[key][:matrix.shape[0], :matrix.shape[1]] = matrix
        calibration[camera] = dict(square, lidar2img=square['cam2img'] @ square['lidar2cam'])
    if not calibration:
        raise DataError(f'{path} names no camera')
    return calibration


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob('*')) if path.suffix in suffixes}


def _read_csv(path: Path) -> list[Mapping[str, str]]:
    text = read_bytes(path).decode('utf-8-sig', errors='replace')
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if text.strip() and 'class' not in (reader.fieldnames or ()):
        raise DataError(f'{path} has no header line with the column class; its first line is '
                        f'{text.splitlines()[0]!r}')
    return list(reader)


def _read_json_rows(path: Path) -> list[Mapping[str, Any]]:
    rows = _read_json(path)
    rows = rows.get('detections') if isinstance(rows, dict) else rows  # as Detections.save writes
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is not a list of boxes')
    return rows


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise DataError(f'{path} is no JSON: {error}') from error


def _box(row: Mapping[str, Any], path: Path, number: int) -> list[float]:
    x, y, dx, dy, dz, yaw = (_number(row, key, path, number) for key in _NUMBERS)
    if ('z_bottom' in row) == ('z_center' in row):
        raise DataError(f'box {number} of {path} needs z_bottom or z_center, one of them')
    z = _number(row, 'z_bottom', path, number) if 'z_bottom' in row else \
        _number(row, 'z_center', path, number) - dz / 2
    if min(dx, dy, dz) <= 0:
        raise DataError(f'box {number} of {path} has a size of {dx} x {dy} x {dz}; '
                        f'all three must be positive')
    velocity = [_number(row, key, path, number, finite=False)
                for key in _VELOCITY if key in row]
    if len(velocity) == 1:
        raise DataError(f'box {number} of {path} has one of vx and vy; give both or neither')
    return [x, y, z, dx, dy, dz, yaw, *velocity]


def _number(row: Mapping[str, Any], key: str, path: Path, number: int,
            finite: bool = True) -> float:
    text = _text(row, key, path, number)
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(f'box {number} of {path}: {key} is {row[key]!r}, no number') from error
    if finite and not np.isfinite(value):
        raise DataError(f'box {number} of {path}: {key} is {value}')
    return value


def _text(row: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    if row.get(key) is None or str(row[key]).strip() == '':
        raise DataError(f'box {number} of {path} has no {key}')
    return str(row[key]).strip()
