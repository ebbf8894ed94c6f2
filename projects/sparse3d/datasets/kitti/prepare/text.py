"""The text files of the official KITTI object layout: calibration, labels, planes, splits."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.text_files import read_text

KITTI_TYPES = ('Pedestrian', 'Cyclist', 'Car', 'Van', 'Truck', 'Person_sitting', 'Tram', 'Misc',
               'DontCare')
_MATRICES = dict(P0=(3, 4), P1=(3, 4), P2=(3, 4), P3=(3, 4), R0_rect=(3, 3),
                 Tr_velo_to_cam=(3, 4), Tr_imu_to_velo=(3, 4))
_NEEDED = ('P2', 'R0_rect', 'Tr_velo_to_cam')  # the others are stored where they are given
_RIGID = ('R0_rect', 'Tr_velo_to_cam', 'Tr_imu_to_velo')
# Names of KITTI tracking, which writes them without a colon.
_OTHER_NAMES = dict(R_rect='R0_rect', Tr_velo_cam='Tr_velo_to_cam', Tr_imu_velo='Tr_imu_to_velo')
OTHERS = '*'  # in place of a type: all that KITTI does not know


@dataclass(frozen=True)
class KittiCalibration:
    """Calibration of one frame; every matrix is extended to (4, 4) float64.

    ``cam2img[i]`` maps the rectified camera frame to pixels of camera i; None where the file
    has no such matrix, never for camera 2.
    """
    cam2img: tuple[np.ndarray | None, ...]
    rectification: np.ndarray
    velo2cam: np.ndarray
    imu2velo: np.ndarray | None

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
    """Read ``calib/*.txt`` of the object or the tracking benchmark.

    P2, R0_rect and Tr_velo_to_cam are needed, also under tracking's names (R_rect, Tr_velo_cam);
    the others may be absent or empty.

    Raises:
        DataError: if a matrix is missing or given twice, has another number of entries, is not
            finite, or a rotation is none.
    """
    rows = _rows(path)
    missing = [name for name in _NEEDED if not rows.get(name)]
    if missing:
        raise DataError(f'{path} lacks the matrix {missing[0]}{_also_called(missing[0])}; it has '
                        f'{", ".join(name for name in rows if rows[name]) or "none that is known"}')
    matrices = {name: _matrix(words, name, path) for name, words in rows.items() if words}
    return KittiCalibration(
        tuple(matrices.get(f'P{camera}') for camera in range(4)), matrices['R0_rect'],
        matrices['Tr_velo_to_cam'], matrices.get('Tr_imu_to_velo'))


def read_labels(path: Path, types: Mapping[str, str] | None = None) -> list[KittiObject]:
    """Read ``label_2/*.txt`` (15 columns) or a result file (16, with score).

    Args:
        types: what types that KITTI does not know are read as; ``'*'`` stands for all others.

    Raises:
        DataError: naming the line, if it has other columns, an unknown type or
            numbers that cannot be.
    """
    lines = [(number, line.split()) for number, line in enumerate(read_lines(path), start=1)]
    return [_object(words, f'{path}, line {number}', types)
            for number, words in lines if words]


def read_tracked_labels(path: Path, types: Mapping[str, str] | None = None
                        ) -> dict[int, list[tuple[int, KittiObject]]]:
    """Read ``label_02/*.txt`` of the tracking benchmark: frame to (track id, object).

    Truncation, there a level of 0 to 2, becomes a share of 0, 0.5 or 1.

    Raises:
        DataError: naming the line, as :func:`read_labels`, or an id that stands twice in a frame.
    """
    frames: dict[int, list[tuple[int, KittiObject]]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        words, where = line.split(), f'{path}, line {number}'
        if not words:
            continue
        if len(words) not in (17, 18):
            raise DataError(f'{where} has {len(words)} columns; labels of the tracking benchmark '
                            f'have 17 (frame, track, type, ...), results 18')
        if not words[0].isdecimal() or not words[1].lstrip('-').isdecimal():
            raise DataError(f'{where} has the frame {words[0]} and the track {words[1]}; whole '
                            f'numbers are needed')
        if words[3] in ('1', '2'):
            words[3] = '0.5' if words[3] == '1' else '1'
        frame, track = int(words[0]), int(words[1])
        if track >= 0 and any(track == other for other, _ in frames.get(frame, ())):
            raise DataError(f'{where} is the second one of the track {track} in frame {frame}')
        frames.setdefault(frame, []).append((track, _object(words[2:], where, types)))
    return frames


def check_types(types: Mapping[str, str]) -> dict[str, str]:
    """What other types are read as, each one of KITTI's.

    Raises:
        ConfigError: for a type that KITTI does not have, or one of KITTI's own renamed.
    """
    for name, type_ in types.items():
        if type_ not in KITTI_TYPES:
            raise ConfigError(f'{name} cannot be read as {type_!r}; KITTI knows '
                              f'{", ".join(KITTI_TYPES)}')
        if name in KITTI_TYPES and name != type_:
            raise ConfigError(f'{name} is a type of KITTI and stays one; only types that KITTI '
                              f'does not know can be read as another')
    return dict(types)


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
        DataError: if a line is not the name of a file or stands twice.
    """
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    for number, name in enumerate(names, start=1):
        if name in ('.', '..') or not name.isprintable() or set(name) & set('/\\:'):
            raise DataError(f'{path} holds {name!r} as entry {number}, not the name of a frame '
                            f"(a file's name without folder and ending)")
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
        comma = next((word for word in words if ',' in word), None)
        raise DataError(f'{source}: {error}' if comma is None else
                        f'{source}: {comma!r} is no number; decimals need a point and columns a '
                        f'blank in KITTI') from error
    if not np.isfinite(numbers).all():
        raise DataError(f'{source}: a number is NaN or infinite')
    return numbers


def _rows(path: Path) -> dict[str, list[str]]:
    """Words behind the name of each known matrix; other lines, times for instance, are not used."""
    rows: dict[str, list[str]] = {}
    for line in read_lines(path):
        name, _, rest = line.strip().replace(':', ' ', 1).partition(' ')
        name, words = _OTHER_NAMES.get(name, name), rest.split()
        if name not in _MATRICES:
            continue
        if rows.get(name, words) != words:
            raise DataError(f'{path} gives the matrix {name}{_also_called(name)} twice, with '
                            f'different numbers; keep the right one')
        rows[name] = words
    return rows


def _also_called(name: str) -> str:
    others = [other for other, usual in _OTHER_NAMES.items() if usual == name]
    return f' (or {others[0]})' if others else ''


def _matrix(words: list[str], name: str, path: Path) -> np.ndarray:
    shape = _MATRICES[name]
    numbers = _numbers(words, f'{path}, {name}')
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


def _object(words: list[str], where: str, types: Mapping[str, str] | None) -> KittiObject:
    if len(words) not in (15, 16):
        tracking = len(words) in (17, 18) and all(word.lstrip('-').isdecimal()
                                                  for word in words[:2])
        raise DataError(f'{where} has {len(words)} columns, not 15 (or 16 with a score)'
                        + ('; it is of KITTI tracking: lay the files out as that benchmark does '
                           '(label_02/0000.txt), or cut it into one file a frame, without the '
                           'first two columns (frame, track)' if tracking else ''))
    type_ = words[0]
    if type_ not in KITTI_TYPES and types is not None:
        type_ = types.get(type_, types.get(OTHERS, type_))
    if type_ not in KITTI_TYPES:
        way_out = '' if types is None else f'; --types {type_}=TYPE reads it as one of them'
        raise DataError(f'{where} has the unknown type {type_!r}; KITTI knows '
                        f'{", ".join(KITTI_TYPES)}{way_out}')
    truncated, occluded, alpha, *numbers = _numbers(words[1:], where)
    left, top, right, bottom, height, width, length, x, y, z, rotation_y, *score = numbers
    result = KittiObject(type_, truncated, int(occluded), alpha, (left, top, right, bottom),
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
