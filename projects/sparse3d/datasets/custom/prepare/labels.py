"""Labels of a custom data set: boxes as csv or json, and what their class names may be."""
from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.named_columns import MAX_COORDINATE
from sparse3d.transforms.text_files import UNREADABLE, read_json, read_text

BOX_SUFFIXES = ('.csv', '.json')
Labels = tuple[list[str], np.ndarray]  # class names, (M, 7 or 9) boxes
_NUMBERS = ('x', 'y', 'dx', 'dy', 'dz', 'yaw')
_VELOCITY = ('vx', 'vy')
# What detections have beside boxes, so that they can be labels; tracks keep their number.
_KNOWN = {'class', *_NUMBERS, 'z_bottom', 'z_center', *_VELOCITY, 'score', 'keypoints',
          'keypoint_visibility', 'track_id'}
MAX_YAW = 7.0  # radians; 2 pi and a little
MAX_SIZE = 500.0  # meters; a long train, or a number of millimeters
_CSV_LAYOUT = 'class,x,y,z_bottom,dx,dy,dz,yaw'
_JSON_LAYOUT = '[{"class": "Car", "x": 1, "y": 2, "z_bottom": 0, "dx": 4, ...}, ...]'


def read_boxes(path: Path) -> Labels:
    """Classes and boxes of a ``.csv`` file with a header, or of a ``.json`` list of dicts.

    Columns or keys: ``class``, ``x``, ``y``, ``z_bottom`` or ``z_center``, ``dx`` (along the
    heading), ``dy``, ``dz``, ``yaw``, and optionally ``vx``, ``vy``; meters, radians,
    meters per second, LiDAR frame. Columns may be parted by commas, semicolons or tabs. JSON may
    be what ``Detections.save`` writes: the list as ``detections`` of a dict.

    Returns:
        M class names and (M, 7 or 9) boxes with bottom centers.

    Raises:
        DataError: naming the file, the row and the column that is wrong.
    """
    rows = _read_rows(path)
    names, boxes = [], []
    for number, row in enumerate(rows, 1):
        names.append(_class_name(_text(row, 'class', path, number), path, number))
        boxes.append(_box(row, path, number))
    if len({len(box) for box in boxes}) > 1:
        raise DataError(f'{path} gives a velocity for some boxes only; leave unknown ones nan')
    return names, np.array(boxes, np.float64).reshape(len(boxes), -1 if boxes else 7)


def read_track_ids(path: Path) -> list[str] | None:
    """``track_id`` of each box: which boxes of a drive are one object; None where a file has none.

    Raises:
        DataError: if some boxes have one and others not, or one stands twice in a frame.
    """
    ids = [str(row.get('track_id') or '').strip() if row.get('track_id') != 0 else '0'
           for row in _read_rows(path)]
    if not any(ids):
        return None
    if not all(ids):
        raise DataError(f'{path} gives a track_id for some boxes only; give all of them one, or '
                        f'none')
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise DataError(f'{path} has the track_id {twice} twice; an id is one object in a frame')
    return ids


def unused_columns(path: Path) -> list[str]:
    """Names of columns or keys of a box file that mean nothing here."""
    return list(dict.fromkeys(key for row in _read_rows(path) for key in row if key not in _KNOWN))


def refuse_alike_names(names: Iterable[str]) -> None:
    """Raise if two classes differ in case, blanks, dashes or underscores only.

    Raises:
        DataError: naming both.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(re.sub(r'[\s_\-]+', '', name.casefold()), name)
        if other != name:
            raise DataError(f'the box files have the classes {other!r} and {name!r}, which would '
                            f'be two; write one name in all of them')


def refuse_degrees(yaws: Mapping[Any, np.ndarray]) -> None:
    """Raise if a yaw cannot be in radians.

    Args:
        yaws: by box file.

    Raises:
        DataError: naming the file and the value.
    """
    for path, values in yaws.items():
        if len(values) and np.abs(values).max() > MAX_YAW:
            raise DataError(f'{path} has a yaw of {values[np.abs(values).argmax()]:g}, which is in '
                            f'degrees; write radians (degrees x pi / 180)')


def _read_rows(path: Path) -> list[Mapping[str, Any]]:
    return _read_csv(path) if path.suffix.lower() == '.csv' else _read_json_rows(path)


def _read_csv(path: Path) -> list[Mapping[str, str]]:
    text = read_text(path)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    if not text.endswith('\n'):
        raise DataError(f'{path} is cut short: its last line does not end; if it is whole, put a '
                        f'line end behind it')
    mark = max(',;\t', key=lines[0].count)
    head = [name.strip() for name in next(csv.reader(lines[:1], delimiter=mark))]
    if 'class' not in head:
        raise DataError(f'{path} has no header line with the column class; its first line is '
                        f'{lines[0]!r:.80}; write {_CSV_LAYOUT} in front, in small letters')
    twice = next((name for name in head if head.count(name) > 1), None)
    if twice is not None:
        raise DataError(f'{path} has two columns named {twice!r}')
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=mark, skipinitialspace=True)
                if any(cell.strip() for cell in row)][1:]
    except csv.Error as error:
        raise DataError(f'{path} is damaged: {error}') from error
    for number, row in enumerate(rows, 1):
        if len(row) > len(head):
            raise DataError(f'box {number} of {path} has {len(row)} columns, the header has '
                            f'{len(head)}; write decimal points, not commas, and quote names '
                            f'with a comma')
    return [dict(zip(head, row, strict=False)) for row in rows]


def _read_json_rows(path: Path) -> list[Mapping[str, Any]]:
    rows = read_json(path)
    rows = rows.get('detections') if isinstance(rows, dict) else rows  # as Detections.save writes
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is not a list of boxes, {_JSON_LAYOUT}')
    return rows


def _class_name(name: str, path: Path, number: int) -> str:
    """The name in composed Unicode: Macs write accents as characters of their own."""
    if UNREADABLE in name or any(unicodedata.category(character) == 'Cc' for character in name):
        raise DataError(f'box {number} of {path} has the class {name!r} with a character that a '
                        f'program could not read; write the name again, in UTF-8')
    return unicodedata.normalize('NFC', name)


def _box(row: Mapping[str, Any], path: Path, number: int) -> list[float]:
    x, y, dx, dy, dz, yaw = (_number(row, key, path, number) for key in _NUMBERS)
    if ('z_bottom' in row) == ('z_center' in row):
        raise DataError(f'box {number} of {path} needs z_bottom or z_center, one of them')
    z = _number(row, 'z_bottom', path, number) if 'z_bottom' in row else \
        _number(row, 'z_center', path, number) - dz / 2
    if min(dx, dy, dz) <= 0:
        raise DataError(f'box {number} of {path} has a size of {dx} x {dy} x {dz}; '
                        f'all three must be positive')
    if max(dx, dy, dz) > MAX_SIZE:
        raise DataError(f'box {number} of {path} has a size of {dx:g} x {dy:g} x {dz:g}, which is '
                        f'in millimeters or so; write meters')
    if max(abs(x), abs(y), abs(z)) > MAX_COORDINATE:
        raise DataError(f'box {number} of {path} lies at {x:.1f}, {y:.1f}, {z:.1f}: map '
                        f'coordinates; subtract the position of the sensor from points and boxes')
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
        hint = '; write a decimal point, not a comma' \
            if re.fullmatch(r'[-+]?\d+,\d+', text) else ''
        raise DataError(f'box {number} of {path}: {key} is {row[key]!r}, no number{hint}') \
            from error
    if finite and not np.isfinite(value):
        raise DataError(f'box {number} of {path}: {key} is {value}')
    return value


def _text(row: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    if row.get(key) is None or str(row[key]).strip() == '':
        near = next((other for other in row if other.lower() == key and other != key), None)
        raise DataError(f'box {number} of {path} has no {key}'
                        + (f'; write {key}, not {near}' if near else ''))
    return str(row[key]).strip()
