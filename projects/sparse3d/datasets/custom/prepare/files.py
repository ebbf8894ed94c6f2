"""Files of a custom data set: which frames there are, labels by frame, calibration as json."""
from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from sparse3d.transforms.text_files import read_json

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')
# Of a camera: each matrix, and the shapes that it may have. A lidar2cam of (3, 3) says nothing of
# where the camera is.
_KEYS = {'cam2img': ((3, 3), (3, 4), (4, 4)), 'lidar2cam': ((3, 4), (4, 4))}
_LAYOUT = '{"<camera>": {"cam2img": 3x3, "lidar2cam": 4x4}}'
# Folders of a data set, and those that the tools make in it.
_FOLDERS = ('points', 'boxes', 'images', 'splits', 'own_gt_database', 'own_gt_images')


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
        DataError: if there is neither a point cloud nor a picture, two files of one name, no
            box file that belongs to a frame, or files in folders within folders.
    """
    _refuse_other_places(root)
    files = files_in(root / 'points')
    clouds = [path for path in files if is_cloud(path)]
    pictures = _pictures(root)
    if not clouds and (files or not any(pictures.values())):
        others = f'; it holds {some_names([path.name for path in files])}' if files else ''
        raise DataError(f'{root / "points"} holds no point cloud ({", ".join(SUFFIXES)}){others}'
                        f'{"" if files else ", and there are no images/<camera>/*"}; '
                        f'see docs/custom_data.md for the layout')
    by_name: dict[str, Path | None] = dict(_by_name(clouds, root / 'points', 'point clouds'))
    kind = 'a point cloud' if clouds else 'a picture'
    if not clouds:
        by_name = dict.fromkeys(name for found in pictures.values() for name in found)
    labels = _by_name([path for path in files_in(root / 'boxes')
                       if path.suffix.lower() in BOX_SUFFIXES], root / 'boxes', 'box files')
    if labels and not labels.keys() & by_name.keys():
        raise DataError(f'no file of {root / "boxes"} has the name of {kind}: '
                        f'{some_names(sorted(labels))} beside {some_names(sorted(by_name))}')
    return [
        CustomFrame(
            name,
            path,
            labels.get(name),
            {camera: found[name] for camera, found in pictures.items() if name in found},
        )
        for name, path in sorted(by_name.items(), key=lambda item: item[0])
    ]


def _refuse_other_places(root: Path) -> None:
    """Files that would be looked past: in folders within folders, pictures without a camera."""
    if not root.is_dir():
        raise DataError(f'{root} is no folder; give the one that holds points/ and boxes/')
    kinds = {'points': SUFFIXES, 'boxes': BOX_SUFFIXES,
             **{f'images/{camera.name}': IMAGE_SUFFIXES for camera in _camera_folders(root)}}
    for folder, suffixes in kinds.items():
        deeper = next((path for inner in sorted((root / folder).glob('*')) if inner.is_dir()
                       and not inner.name.startswith('.') for path in sorted(inner.rglob('*'))
                       if path.suffix.lower() in suffixes and not path.name.startswith('.')), None)
        if deeper is not None:
            raise DataError(f'{deeper} lies in a folder of its own; all files of {folder} lie '
                            f'right in it: move them up, with a name such as '
                            f'{deeper.parent.name}_{deeper.name}')
    loose = [path.name for path in files_in(root / 'images')
             if path.suffix.lower() in IMAGE_SUFFIXES]
    if loose:
        raise DataError(f'{root / "images"} holds pictures of no camera ({some_names(loose)}); '
                        f'put them into a folder for each camera, images/<camera>/{loose[0]}')


def _camera_folders(root: Path) -> list[Path]:
    return sorted(path for path in (root / 'images').glob('*')
                  if path.is_dir() and not path.name.startswith('.'))


def _pictures(root: Path) -> dict[str, dict[str, Path]]:
    """By camera, by name; in composed Unicode, as the names of frames."""
    found = {}
    for camera in _camera_folders(root):
        name = unicodedata.normalize('NFC', camera.name)
        found[name] = _by_name(
            [path for path in files_in(camera) if path.suffix.lower() in IMAGE_SUFFIXES],
            camera, 'images')
    return found


def left_over_files(root: Path, frames: Sequence[CustomFrame]) -> list[str]:
    """Sentences about files and folders that belong to no frame: counts, and the first names."""
    used = {
        path for frame in frames for path in (frame.points, frame.boxes, *frame.images.values())
    }
    endings = {'points': SUFFIXES, 'boxes': BOX_SUFFIXES}
    sentences = []
    for folder in ('points', 'boxes', *(f'images/{path.name}' for path in _camera_folders(root))):
        suffixes = endings.get(folder, IMAGE_SUFFIXES)
        rest = [path for path in files_in(root / folder) if path not in used]
        unread = [path.name for path in rest if path.suffix.lower() not in suffixes]
        alone = [path.name for path in rest if path.suffix.lower() in suffixes]
        kind = 'are no point clouds' if folder == 'points' else \
            f'do not end in {", ".join(suffixes)}'
        sentences += [f'{len(names)} files of {folder} {reason} and are left out: '
                      f'{some_names(names)}'
                      for reason, names in ((kind, unread), ('belong to no point cloud', alone))
                      if names]
    unknown = sorted(path.name for path in root.glob('*') if path.is_dir()
                     and path.name not in _FOLDERS and not path.name.startswith('.'))
    if unknown:
        sentences.append(f'folders that are not read: {some_names(unknown)}')
    return sentences


def read_labels(frames: Sequence[CustomFrame], notes: list[str]) -> dict[str, Labels]:
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
            translation; if cam2img is not in pixels.
    """
    path = root / 'calibration.json'
    if not path.is_file():
        raise DataError(f'{path} does not exist, and there are pictures; write {_LAYOUT} into it, '
                        f'or move images/ away')
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
        absent = [key for key in _KEYS if key not in matrices]
        if absent:
            raise DataError(f'{path}: {camera} has no {absent[0]}; write {_LAYOUT}')
        square = {key: _square(matrices[key], f'{path}: {key} of {camera}', shapes)
                  for key, shapes in _KEYS.items()}
        _refuse_odd(square, f'{path}: ', camera)
        calibration[unicodedata.normalize('NFC', camera)] = dict(
            square, lidar2img=square['cam2img'] @ square['lidar2cam'])
    if not calibration:
        raise DataError(f'{path} names no camera')
    return calibration


def _square(values: Any, what: str, shapes: Sequence[tuple[int, int]]) -> np.ndarray:
    """A matrix filled up to (4, 4)."""
    try:
        matrix = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f'{what} is no matrix of numbers') from error
    if matrix.shape not in shapes:
        raise DataError(f'{what} has the shape {matrix.shape}, not '
                        f'{" or ".join(map(str, shapes))}')
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
    if min(cam2img[0, 0], cam2img[1, 1]) <= 0:
        raise DataError(f'{where}cam2img of {camera} has the focal lengths {cam2img[0, 0]:g} and '
                        f'{cam2img[1, 1]:g}; both are positive, with x right, y down, z forward')
    if 0 < cam2img[0, 2] <= 1 and 0 < cam2img[1, 2] <= 1:
        raise DataError(f'{where}cam2img of {camera} has its center at {cam2img[0, 2]:g}, '
                        f'{cam2img[1, 2]:g}, which is in parts of the picture; write pixels')
    rotation = lidar2cam[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
        raise DataError(f'{where}lidar2cam of {camera} is no rotation and translation: its '
                        f'rotation changes lengths (meters? or is it a product with cam2img?)')
    if np.linalg.det(rotation) < 0:
        raise DataError(f'{where}lidar2cam of {camera} mirrors: an axis has the wrong sign; '
                        f'cameras have x right, y down, z forward')


def files_in(folder: Path) -> list[Path]:
    """Files of a folder in order of their names, those that begin with a dot looked past.

    Raises:
        DataError: for a link to nothing, or a folder that is called like a file: frames would be
            left out without a word.
    """
    found = [path for path in sorted(folder.glob('*')) if not path.name.startswith('.')]
    for path in found:
        if path.is_symlink() and not path.exists():
            raise DataError(f'{path} is a link to {path.readlink()}, which is not there; restore '
                            f'it, or remove the link')
        if path.is_dir() and path.suffix.lower() in (*SUFFIXES, *BOX_SUFFIXES, *IMAGE_SUFFIXES):
            raise DataError(f'{path} is a folder, not a file; move what is in it up, or rename it')
    return [path for path in found if path.is_file()]


def _by_name(paths: Sequence[Path], folder: Path, what: str) -> dict[str, Path]:
    """Files by their name without ending, in composed Unicode (Macs decompose it)."""
    found: dict[str, Path] = {}
    for path in paths:
        name = unicodedata.normalize('NFC', path.stem)
        if name in found:
            raise DataError(f'{folder} holds two {what} named {name}; keep one')
        found[name] = path
    return found


def some_names(names: Sequence[str]) -> str:
    """The first three."""
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
