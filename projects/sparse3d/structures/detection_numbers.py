"""Detections as plain numbers: dicts, ``.json``, ``.csv`` and ``.npz``."""
from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy_format

from sparse3d.atomic_files import atomic_file, write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.first_bytes import HEAD, other_kind
from sparse3d.structures.detection_formats import finite_number, register_file, register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.plausible_detections import real_numbers

_BOX = ('x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw', 'vx', 'vy')
_ARRAYS = ('boxes_3d', 'scores', 'labels')
MOST_RATIO = 100  # of what is unpacked to the file; numbers hardly pack
_OPTIONAL = ('keypoints_3d', 'keypoint_visibility', 'track_ids')


def to_dicts(detections: Detections) -> list[dict]:
    """``{'class', 'score', 'x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw'[, 'vx', 'vy']
    [, 'keypoints', 'keypoint_visibility'][, 'track_id']}`` of each detection, plain values only."""
    dicts = []
    for row, (box, name) in enumerate(
        zip(detections.boxes_3d.tolist(), detections.names, strict=True)
    ):
        item: dict[str, Any] = {'class': name, 'score': float(detections.scores[row])}
        item.update(zip(_BOX, box, strict=False))
        if detections.keypoints_3d is not None:
            item['keypoints'] = detections.keypoints_3d[row].tolist()
        if detections.keypoint_visibility is not None:
            item['keypoint_visibility'] = detections.keypoint_visibility[row].tolist()
        if detections.track_ids is not None:
            item['track_id'] = np.asarray(detections.track_ids)[row].item()
        dicts.append(item)
    return dicts


def to_csv(detections: Detections) -> str:
    """A table in the layout of label files (``docs/custom_data.md``), with a column ``score``
    and, for tracks, ``track_id``."""
    stream, width = io.StringIO(), detections.boxes_3d.shape[1]
    writer = csv.writer(stream, lineterminator='\n')
    ids = None if detections.track_ids is None else np.asarray(detections.track_ids).tolist()
    writer.writerow(['class', *_BOX[:width], 'score'] + ([] if ids is None else ['track_id']))
    writer.writerows([name, *map(repr, box), repr(score)] + ([] if ids is None else [ids[row]])
                     for row, (name, box, score) in enumerate(zip(
                         detections.names, detections.boxes_3d.tolist(),
                         detections.scores.tolist(), strict=True)))
    return stream.getvalue()


def from_dicts(dicts: Sequence[Mapping], class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`to_dicts`.

    Raises:
        DataError: for an absent key, a value that is no number, or an unknown class.
    """
    if not all(isinstance(item, Mapping) for item in dicts):
        raise DataError('detections are dicts with class, x, y, z_bottom, dx, dy, dz, yaw')
    columns = _BOX if any(key in item for item in dicts for key in _BOX[7:]) else _BOX[:7]
    try:
        boxes = [[_coordinate(item, name) for name in columns] for item in dicts]
        scores = [finite_number(item.get('score', 1.0), 'score') for item in dicts]
        names = [item['class'] for item in dicts]
    except KeyError as error:
        raise DataError(f'a detection lacks {error}') from error
    joints = [_of_all(dicts, name) for name in ('keypoints', 'keypoint_visibility')]
    found = Detections.from_lists(
        np.array(boxes).reshape(-1, len(columns)), scores, names, class_names,
        *(None if values is None else real_numbers(values, name) for name, values in
          zip(('keypoints', 'keypoint_visibility'), joints, strict=True)))
    ids = _of_all(dicts, 'track_id')
    return found if ids is None else replace(found, track_ids=np.array(ids))


def _coordinate(item: Mapping, name: str) -> float:
    """A number of a box; a velocity that is not given is unknown."""
    if name in _BOX[7:] and not any(key in item for key in _BOX[7:]):
        return math.nan
    return finite_number(item[name], name)


def _of_all(dicts: Sequence[Mapping], name: str) -> list | None:
    """A value of every detection, or None if none has it."""
    having = sum(name in item for item in dicts)
    if having not in (0, len(dicts)):
        raise DataError(f'{having} of {len(dicts)} detections have {name}; give them to all or '
                        f'none')
    return [item[name] for item in dicts] if having else None


def save_json(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Write name, classes and the dicts of :func:`to_dicts`."""
    content = dict(frame=detections.name, class_names=detections.class_names,
                   detections=to_dicts(detections))
    write_bytes_atomically(path, (json.dumps(content, indent=1) + '\n').encode())


def read_json(path: Path, class_names: Sequence[str] | None = None,
              camera: Mapping | None = None) -> Detections:
    """The inverse of :func:`save_json`; also a bare list of such dicts, as labels are.

    Raises:
        DataError: if the file is damaged or another one.
    """
    given = _bytes_of(path)
    try:
        content = json.loads(given, object_pairs_hook=_once)
        if isinstance(content, list):  # labels, as docs/custom_data.md has them
            content = dict(detections=content)
        names = class_names or content.get('class_names') or list(
            dict.fromkeys(item['class'] for item in content['detections']))
        found = from_dicts(content['detections'], names)
        return replace(found, name=str(content.get('frame', found.name)))
    except DataError as error:
        raise DataError(f'{path} holds no detections: {error}') from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f'{path} holds no detections: it is cut short or no JSON ({error})'
                        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f'{path} holds no detections ({type(error).__name__}: {error})') from error


def _bytes_of(path: Path) -> bytes:
    """The content of a file that is there and not something else in its place.

    Raises:
        DataError: if it cannot be read, is empty, a web page, packed, ...
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error
    if other := other_kind(content[:HEAD]):
        raise DataError(f'{path} holds no detections: {other}')
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise DataError(f'{max(names, key=names.count)!r} stands twice in one place; keep one')
    return found


def save_csv(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Write the table of :func:`to_csv`."""
    write_bytes_atomically(path, to_csv(detections).encode())


def read_csv(path: Path, class_names: Sequence[str] | None = None,
             camera: Mapping | None = None) -> Detections:
    """The inverse of :func:`save_csv`; also label files with ``z_bottom``, of scores 1.

    Raises:
        DataError: if the file is damaged or another one.
    """
    given = _bytes_of(path)
    try:
        text = given.decode('utf-8-sig')
        lines = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except (ValueError, csv.Error) as error:
        raise DataError(f'{path} holds no detections ({error})') from error
    if text and not text.endswith('\n'):
        raise DataError(f'{path} is cut short: its last line does not end')
    head = lines[0] if lines else []
    if len(head) == 1 and max(head[0].count(mark) for mark in ';\t') > 5:
        raise DataError(f'{path} has no commas between its columns ({head[0]!r:.60}); write commas '
                        f'between columns and points in numbers')
    if not {'class', *_BOX[:7]} <= set(head) or len(set(head)) < len(head):
        raise DataError(f'{path} has no header line class,{",".join(_BOX[:7])}[,vx,vy][,score], '
                        f'each once; it begins with {",".join(head)!r:.80}')
    for number, row in enumerate(lines[1:], 1):
        if len(row) != len(head):
            raise DataError(f'box {number} of {path} has {len(row)} columns, the header has '
                            f'{len(head)}')
    rows = [dict(zip(head, row, strict=True)) for row in lines[1:]]
    names = class_names or list(dict.fromkeys(row['class'] for row in rows))
    try:
        return from_dicts(rows, names)
    except DataError as error:
        raise DataError(f'{path} holds no detections: {error}') from error


def save_arrays(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Write the arrays and the names of the classes."""
    arrays: dict[str, Any] = {name: getattr(detections, name) for name in (*_ARRAYS, *_OPTIONAL)}
    arrays['class_names'] = np.array(detections.class_names)
    arrays['name'] = np.array(detections.name)
    with atomic_file(path) as stream:
        np.savez(stream, **{name: value for name, value in arrays.items() if value is not None})


def read_arrays(path: Path, class_names: Sequence[str] | None = None,
                camera: Mapping | None = None) -> Detections:
    """The inverse of :func:`save_arrays`.

    Raises:
        DataError: if the file is damaged or another one.
    """
    if not _bytes_of(path).startswith(b'PK'):
        raise DataError(f'{path} holds no detections: it is no .npz of NumPy')
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as arrays:
            names = class_names or arrays['class_names'].tolist()
            optional = {name: arrays[name] for name in _OPTIONAL if name in arrays}
            boxes, scores, labels = (arrays[name] for name in _ARRAYS)
            names = names if isinstance(names, list | tuple) else [names]
            frame = str(arrays['name']) if 'name' in arrays else Detections.name
            return Detections(boxes, scores, labels, tuple(names), **optional, name=frame)
    except Exception as error:  # a damaged archive can raise nearly everything
        raise DataError(f'{path} holds no detections ({type(error).__name__}: {error})') from error


def _check_sizes(path: Path) -> None:
    """Refuse arrays that are not what their headers declare before memory is reserved for them."""
    with ZipFile(path) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > MOST_RATIO * path.stat().st_size:
            raise ValueError('its parts unpack to more than detections do')
        for part in parts:
            with archive.open(part) as stream:
                version = npy_format.read_magic(stream)
                header = npy_format.read_array_header_1_0 if version == (1, 0) else \
                    npy_format.read_array_header_2_0
                shape, _, dtype = header(stream)
                if math.prod(shape) * dtype.itemsize != part.file_size - stream.tell():
                    raise ValueError(f'{part.filename} declares {shape} of {dtype} and has '
                                     f'{part.file_size} bytes')


register_format('dicts', to_dicts, from_dicts)
register_file('.json', save_json, read_json)
register_file('.csv', save_csv, read_csv)
register_file('.npz', save_arrays, read_arrays)
