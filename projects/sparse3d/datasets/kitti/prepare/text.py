"""The text files of the official KITTI object layout: calibration, labels, planes, splits."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_text

KITTI_TYPES = ('Pedestrian', 'Cyclist', 'Car', 'Van', 'Truck', 'Person_sitting', 'Tram', 'Misc',
               'DontCare')
_MATRICES = dict(P0=(3, 4), P1=(3, 4), P2=(3, 4), P3=(3, 4), R0_rect=(3, 3),
                 Tr_velo_to_cam=(3, 4), Tr_imu_to_velo=(3, 4))
_RIGID = ('R0_rect', 'Tr_velo_to_cam', 'Tr_imu_to_velo')


@dataclass(frozen=True)
class KittiCalibration:
    """Calibration of one frame; every matrix is extended to (4, 4) float64.

    ``cam2img[i]`` maps the rectified camera frame to pixels of camera i.
    """
    cam2img: tuple[np.ndarray, ...]
    rectification: np.ndarray
    velo2cam: np.ndarray
    imu2velo: np.ndarray

    @property
    def lidar2cam(self) -> np.ndarray:
        """LiDAR frame to the rectified camera frame, (4, 4)."""
        return self.rectification @ self.velo2cam


@dataclass(frozen=True)
class KittiObject:
    """One line of a label file, in KITTI's own units and frames."""
    type: str
    truncated: float
    occluded: int
    alpha: float
    bbox: tuple[float, ...]         # left, top, right, bottom, pixels
    dimensions: tuple[float, ...]   # length, height, width, meters
    location: tuple[float, ...]     # bottom center, rectified camera frame, meters
    rotation_y: float
    score: float = 0.0

    @property
    def camera_box(self) -> tuple[float, ...]:
        """x, y, z, l, h, w, rotation_y."""
        return (*self.location, *self.dimensions, self.rotation_y)


def read_calibration(path: Path) -> KittiCalibration:
    """Read ``calib/*.txt``.

    Raises:
        DataError: if a matrix is missing, has another number of entries, is not
            finite, or a rotation is none.
    """
    rows = dict(line.split(':', 1) for line in read_lines(path) if ':' in line)
    matrices = {name: _matrix(rows, name, path) for name in _MATRICES}
    return KittiCalibration(
        tuple(matrices[f'P{camera}'] for camera in range(4)), matrices['R0_rect'],
        matrices['Tr_velo_to_cam'], matrices['Tr_imu_to_velo'])


def read_labels(path: Path) -> list[KittiObject]:
    """Read ``label_2/*.txt`` (15 columns) or a result file (16, with score).

    Raises:
        DataError: naming the line, if it has other columns, an unknown type or
            numbers that cannot be.
    """
    lines = [(number, line.split()) for number, line in enumerate(read_lines(path), start=1)]
    return [_object(words, f'{path}, line {number}') for number, words in lines if words]


def read_plane(path: Path) -> list[float]:
    """Read ``planes/*.txt``: a, b, c, d of the ground plane in the rectified camera frame.

    Raises:
        DataError: if the fourth line does not hold four numbers.
    """
    lines = read_lines(path)
    numbers = _numbers(lines[3].split(), str(path)) if len(lines) > 3 else []
    if len(numbers) != 4 or not 0.9 < np.linalg.norm(numbers[:3]) < 1.1:
        raise DataError(f'{path} does not hold a plane (unit normal and offset) in its fourth line')
    return numbers


def read_split(path: Path) -> list[str]:
    """Read ``ImageSets/*.txt``: names of frames, one a line.

    Raises:
        DataError: if a line is not a number or stands twice.
    """
    names = [line.strip() for line in read_lines(path) if line.strip()]
    for number, name in enumerate(names, start=1):
        if not re.fullmatch(r'[0-9]{1,9}', name):
            raise DataError(f'{path} holds {name!r} as entry {number}, not the number of a frame')
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f'{path} lists the frame {twice} twice')
    return names


def read_lines(path: Path) -> list[str]:
    """Lines of a text file in ASCII, byte order mark or not; a :class:`DataError` names it else."""
    text = read_text(path)
    if not text.isascii():
        raise DataError(f'{path} is damaged: it holds bytes that are no text')
    return text.splitlines()


def _numbers(words: list[str], source: str) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise DataError(f'{source}: {error}') from error
    if not np.isfinite(numbers).all():
        raise DataError(f'{source}: a number is NaN or infinite')
    return numbers


def _matrix(rows: dict[str, str], name: str, path: Path) -> np.ndarray:
    if name not in rows:
        raise DataError(f'{path} lacks the matrix {name}')
    shape = _MATRICES[name]
    numbers = _numbers(rows[name].split(), f'{path}, {name}')
    if len(numbers) != shape[0] * shape[1]:
        raise DataError(f'{path}: {name} has {len(numbers)} numbers, not {shape[0] * shape[1]}')
    matrix = np.eye(4)
    matrix[:shape[0], :shape[1]] = np.reshape(numbers, shape)
    rotation = matrix[:3, :3]
    if name in _RIGID and not np.allclose(rotation @ rotation.T, np.eye(3), atol=5e-3):
        raise DataError(f'{path}: {name} does not hold a rotation')
    if name not in _RIGID and not (rotation[0, 0] > 0 and rotation[1, 1] > 0):
        raise DataError(f'{path}: {name} is not a camera projection (focal length not positive)')
    return matrix


def _object(words: list[str], where: str) -> KittiObject:
    if len(words) not in (15, 16):
        raise DataError(f'{where} has {len(words)} columns, not 15 (or 16 with a score)')
    if words[0] not in KITTI_TYPES:
        raise DataError(f'{where} has the unknown type {words[0]!r}; KITTI knows '
                        f'{", ".join(KITTI_TYPES)}')
    truncated, occluded, alpha, *numbers = _numbers(words[1:], where)
    left, top, right, bottom, height, width, length, x, y, z, rotation_y, *score = numbers
    result = KittiObject(words[0], truncated, int(occluded), alpha, (left, top, right, bottom),
                         (length, height, width), (x, y, z), rotation_y, *score)
    _check_object(result, occluded, where)
    return result


def _check_object(result: KittiObject, occluded: float, where: str) -> None:
    left, top, right, bottom = result.bbox
    if right < left or bottom < top:
        raise DataError(f'{where}: the image box ends before it begins')
    if occluded not in (-1, 0, 1, 2, 3):
        raise DataError(f'{where}: occluded is {occluded:g}, not one of -1, 0, 1, 2, 3')
    if result.truncated != -1 and not 0 <= result.truncated <= 1:
        raise DataError(f'{where}: truncated is {result.truncated:g}, not within 0..1')
    if result.type != 'DontCare':
        if min(result.dimensions) < 0 or max(result.dimensions) > 100:
            raise DataError(f'{where}: height, width, length {result.dimensions} cannot be')
        if abs(result.rotation_y) > 2 * np.pi or max(map(abs, result.location)) > 1000:
            raise DataError(f'{where}: place or heading cannot be')
