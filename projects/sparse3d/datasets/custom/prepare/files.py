"""Files of a custom data set: which frames there are, splits as text, calibration as json."""
from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.custom.prepare.labels import (
    BOX_SUFFIXES,
    Labels,
    read_boxes,
    refuse_alike_names,
    refuse_degrees,
    unused_columns,
)
from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import SUFFIXES, is_cloud
from sparse3d.transforms.text_files import UNREADABLE, read_json, read_text

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')
SPLITS = ('train', 'val', 'test')
_KEYS = ('cam2img', 'lidar2cam')  # of a camera in calibration.json


@dataclass(frozen=True)
class CustomFrame:
    """The files of one frame; ``points`` is None without a cloud, ``boxes`` without labels."""

    name: str
    points: Path | None
    boxes: Path | None
    images: Mapping[str, Path] = field(default_factory=dict)


def find_frames(root: Path) -> list[CustomFrame]:
    """Every frame of ``<root>/points``, in order of the names, with what belongs to it.

    Where there are no points at all, a frame is what has a picture in ``<root>/images``. File
    endings may be in either case; names that begin with a dot are looked past.

    Raises:
        DataError: if there is neither a point cloud nor a picture, two files of one name, or no
            box file that belongs to a frame.
    """
    files = _files(root / 'points')
    clouds = [path for path in files if is_cloud(path)]
    pictures = _pictures(root)
    if not clouds and (files or not any(pictures.values())):
        others = f'; it holds {_some([path.name for path in files])}' if files else ''
        raise DataError(f'{root / "points"} holds no point cloud ({", ".join(SUFFIXES)}){others}'
                        f'{"" if files else ", and there are no images/<camera>/*"}; '
                        f'see docs/custom_data.md for the layout')
    by_name: dict[str, Path | None] = dict(_by_name(clouds, root / 'points', 'point clouds'))
    kind = 'a point cloud' if clouds else 'a picture'
    if not clouds:
        by_name = dict.fromkeys(name for found in pictures.values() for name in found)
    labels = _by_name([path for path in _files(root / 'boxes')
                       if path.suffix.lower() in BOX_SUFFIXES], root / 'boxes', 'box files')
    if labels and not labels.keys() & by_name.keys():
        raise DataError(f'no file of {root / "boxes"} has the name of {kind}: '
                        f'{_some(sorted(labels))} beside {_some(sorted(by_name))}')
    return [
        CustomFrame(
            name,
            path,
            labels.get(name),
            {camera: found[name] for camera, found in pictures.items() if name in found},
        )
        for name, path in sorted(by_name.items(), key=lambda item: item[0])
    ]


def _pictures(root: Path) -> dict[str, dict[str, Path]]:
    """By camera, by name; in composed Unicode, as the names of frames."""
    found = {}
    for camera in sorted(path for path in (root / 'images').glob('*')
                         if path.is_dir() and not path.name.startswith('.')):
        name = unicodedata.normalize('NFC', camera.name)
        found[name] = _by_name(
            [path for path in _files(camera) if path.suffix.lower() in IMAGE_SUFFIXES],
            camera, 'images')
    return found


def left_over_files(root: Path, frames: Sequence[CustomFrame]) -> list[str]:
    """Sentences about files that belong to no frame: counts, and the first names."""
    used = {
        path for frame in frames for path in (frame.points, frame.boxes, *frame.images.values())
    }
    kinds = {'points': 'are no point clouds', 'boxes': 'belong to no point cloud'}
    sentences = []
    for folder in ('points', 'boxes', *(f'images/{path.name}' for path in
                                        sorted((root / 'images').glob('*')) if path.is_dir()
                                        and not path.name.startswith('.'))):
        rest = [path for path in _files(root / folder) if path not in used]
        if rest:
            sentences.append(f'{len(rest)} files of {folder} '
                             f'{kinds.get(folder, "belong to no point cloud")} and are left out: '
                             f'{_some([path.name for path in rest])}')
    return sentences


def find_splits(root: Path, frames: list[CustomFrame], validation: float,
                ) -> tuple[dict[str, list[str]], list[str]]:
    """Names of the frames of each split: from ``<root>/splits/*.txt``, or the last part for val.

    Without split files the last frames validate, not random ones: neighbors in a drive
    are nearly the same frame. Frames of train and val without labels are left out.

    Returns:
        The names by split, and sentences about what is left out.

    Raises:
        DataError: for a name without a point cloud, a frame that stands twice or in two splits,
            or a split file of another name.
    """
    labeled = {frame.name: None for frame in frames if frame.boxes is not None}
    files = [path for path in _files(root / 'splits') if path.suffix.lower() == '.txt']
    for path in files:
        if path.stem not in SPLITS:
            raise DataError(f'{path} is the split of no purpose; name it {", ".join(SPLITS)}.txt')
    if not files:
        count = min(max(round(len(labeled) * validation), 1), max(len(labeled) - 1, 0))
        unlabeled = len(frames) - len(labeled)
        notes = [f'{unlabeled} of {len(frames)} frames are not labeled and left out'] \
            if unlabeled else []
        names = list(labeled)
        return dict(train=names[:len(names) - count], val=names[len(names) - count:]), notes
    known, owner = {frame.name for frame in frames}, {}
    found, notes = {}, []
    for path in sorted(files, key=lambda path: SPLITS.index(path.stem)):
        names, split = _names_of_split(path, known), path.stem
        for name in names:
            if owner.setdefault(name, split) != split:
                raise DataError(f'{name} is in the splits {owner[name]} and {split}')
        found[split] = names if split == 'test' else [name for name in names if name in labeled]
        without = [name for name in names if name not in found[split]]
        if without:
            notes.append(f'{len(without)} of {len(names)} frames of {split} are not labeled and '
                         f'left out: {_some(without)}')
    return found, notes


def read_labels(frames: list[CustomFrame], notes: list[str]) -> dict[str, Labels]:
    """Labels of all frames that have any, by name; notes get a sentence on unused columns.

    Raises:
        DataError: naming the box file that cannot be used, classes that differ in their spelling
            only, or yaws in degrees.
    """
    labels = {frame.name: read_boxes(frame.boxes) for frame in frames if frame.boxes is not None}
    refuse_alike_names(dict.fromkeys(name for names, _ in labels.values() for name in names))
    refuse_degrees({frame.boxes: labels[frame.name][1][:, 6] for frame in frames
                    if frame.name in labels})
    unused = dict.fromkeys(name for frame in frames[:20] if frame.boxes is not None
                           for name in unused_columns(frame.boxes))
    if unused:
        notes.append(f'columns of the box files that are not used: {", ".join(map(str, unused))}')
    return labels


def read_calibration(root: Path) -> dict[str, dict[str, np.ndarray]]:
    """``<root>/calibration.json``: by camera ``cam2img`` (3x3 or 4x4) and ``lidar2cam`` (4x4).

    Raises:
        DataError: if it is absent, has a key that nobody reads, or a matrix has another shape,
            is not finite, cannot be inverted, or is transposed; if lidar2cam is no rotation and
            translation.
    """
    path = root / 'calibration.json'
    content = read_json(path)
    calibration = {}
    for camera, matrices in content.items() if isinstance(content, dict) else ():
        if not isinstance(matrices, Mapping):
            raise DataError(f'{path}: {camera} is {matrices!r:.40}, not a dict of cam2img and '
                            f'lidar2cam')
        unknown = [key for key in matrices if key not in _KEYS]
        if unknown:
            way_out = '; undistort the pictures, or leave the key out if they are' \
                if 'dist' in str(unknown[0]).lower() else ''
            raise DataError(f'{path}: nobody reads {unknown[0]!r} of {camera}; there are '
                            f'{" and ".join(_KEYS)}{way_out}')
        square = {key: _square(matrices.get(key, []), f'{path}: {key} of {camera}')
                  for key in _KEYS}
        _refuse_odd(square, f'{path}: ', camera)
        calibration[unicodedata.normalize('NFC', camera)] = dict(
            square, lidar2img=square['cam2img'] @ square['lidar2cam'])
    if not calibration:
        raise DataError(f'{path} names no camera')
    return calibration


def _square(values: Any, what: str) -> np.ndarray:
    """A matrix filled up to (4, 4)."""
    try:
        matrix = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f'{what} is no matrix of numbers') from error
    if matrix.shape not in ((3, 3), (3, 4), (4, 4)):
        raise DataError(f'{what} has the shape {matrix.shape}, not (3, 3) or (4, 4)')
    square = np.eye(4)
    square[:matrix.shape[0], :matrix.shape[1]] = matrix
    if not np.isfinite(square).all() or abs(np.linalg.det(square[:3, :3])) < 1e-9:
        raise DataError(f'{what} holds NaN or cannot be inverted')
    return square


def _refuse_odd(square: Mapping[str, np.ndarray], where: str, camera: str) -> None:
    """Matrices that cannot be what they are called: transposed, scaled or mirrored."""
    cam2img, lidar2cam = square['cam2img'], square['lidar2cam']
    for name, row, expected in (('cam2img', cam2img[2, :3], [0, 0, 1]),
                                ('lidar2cam', lidar2cam[3, :3], [0, 0, 0])):
        if not np.allclose(row, expected, atol=1e-6):
            raise DataError(f'{where}{name} of {camera} has the last row '
                            f'{np.round(row, 3).tolist()}, not {expected}: it may be transposed')
    rotation = lidar2cam[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
        raise DataError(f'{where}lidar2cam of {camera} is no rotation and translation: its '
                        f'rotation changes lengths (meters? or is it a product with cam2img?)')
    if np.linalg.det(rotation) < 0:
        raise DataError(f'{where}lidar2cam of {camera} mirrors: an axis has the wrong sign; '
                        f'cameras have x right, y down, z forward')


def _names_of_split(path: Path, known: set[str]) -> list[str]:
    """One name a line; a name may have blanks, a folder before it or an ending after it."""
    names = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name = unicodedata.normalize('NFC', line.strip())
        if not name:
            continue
        if name not in known and Path(name).suffix.lower() in SUFFIXES:
            name = Path(name.replace('\\', '/')).stem
        if UNREADABLE in name:
            raise DataError(f'line {number} of {path}, {name!r}, has a character that a program '
                            f'could not read; write it again, in UTF-8')
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = '; write one name a line' if len(name.split()) > 1 else \
                f'; did you mean {near[0]}?' if near else ''
            raise DataError(f'line {number} of {path} names {name}, and there is no '
                            f'points/{name}.*{hint}')
        names.append(name)
    twice = next((name for name in names if names.count(name) > 1), None) \
        if len(set(names)) < len(names) else None
    if twice is not None:
        raise DataError(f'{path} names {twice} twice')
    return names


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob('*')
                  if path.is_file() and not path.name.startswith('.'))


def _by_name(paths: Sequence[Path], folder: Path, what: str) -> dict[str, Path]:
    """Files by their name without ending, in composed Unicode (Macs decompose it)."""
    found: dict[str, Path] = {}
    for path in paths:
        name = unicodedata.normalize('NFC', path.stem)
        if name in found:
            raise DataError(f'{folder} holds two {what} named {name}; keep one')
        found[name] = path
    return found


def _some(names: Sequence[str]) -> str:
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
