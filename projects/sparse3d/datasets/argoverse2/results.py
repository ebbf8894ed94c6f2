"""Detections in the format of Argoverse 2's submissions: one feather file."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import make_folder
from sparse3d.datasets.argoverse2.categories import CLASSES, NOT_EVALUATED
from sparse3d.datasets.argoverse2.evaluate.box_columns import rotation_of_yaw
from sparse3d.datasets.argoverse2.feather_files import (
    QUATERNION,
    SIZE,
    TRANSLATION,
    Columns,
    read_feather,
    stacked,
    write_feather,
)
from sparse3d.datasets.argoverse2.poses import rotations_of
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import center_to_lidar, lidar_to_center
from sparse3d.structures.detection_formats import register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import ResultFormat, register_results

_NUMBERS = (*TRANSLATION, *SIZE, *QUATERNION, 'score')
_COLUMNS = (*_NUMBERS, 'log_id', 'timestamp_ns', 'category')
TRACK = 'track_uuid'  # of results of a tracker, under the name of the labels


def submission_columns(boxes: np.ndarray, scores: np.ndarray, names: Sequence[str],
                       log_id: str = '', timestamp_ns: int = 0) -> Columns:
    """Rows of one sweep for a submission.

    Boxes with numbers that are not finite or sizes that are not above 0 are left out: the official
    tool would fail on them.

    Args:
        boxes: (N, >= 7) LiDAR boxes (bottom center) in the vehicle frame.
        scores: (N,).
        names: (N,) categories.

    Raises:
        DataError: for a category that Argoverse 2 does not have.
    """
    boxes = np.asarray(boxes, np.float64)[:, :7]
    scores, names = np.asarray(scores, np.float64), np.array(names, dtype=object)
    _refuse_unknown(names, 'the detections')
    usable = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & (boxes[:, 3:6] > 0).all(axis=1)
    boxes = lidar_to_center(boxes[usable])
    numbers = np.column_stack([boxes[:, :6], rotation_of_yaw(boxes[:, 6]), scores[usable]])
    count = len(numbers)
    return dict({name: numbers[:, place] for place, name in enumerate(_NUMBERS)},
                log_id=np.full(count, log_id, object),
                timestamp_ns=np.full(count, timestamp_ns, np.int64), category=names[usable])


def write_argoverse2_submission(parts: Iterable[Columns], path: str | os.PathLike) -> int:
    """Write the rows of all sweeps as a whole or not at all; returns their number.

    Raises:
        DataError: if the file cannot be written.
    """
    parts = [submission_columns(np.zeros((0, 7)), np.zeros(0), ()), *parts]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}
    make_folder(Path(path).parent)
    write_feather(path, columns)
    return len(columns['score'])


def read_argoverse2_submission(path: str | os.PathLike) -> Columns:
    """The rows of a submission, sorted by log and time.

    Raises:
        DataError: for a damaged file, an absent column, or a category that Argoverse 2 does not
            have.
    """
    columns = read_feather(path, _COLUMNS, optional=(TRACK,))
    _refuse_unknown(columns['category'], str(path))
    rotations_of(columns, path)
    order = np.lexsort((columns['timestamp_ns'], columns['log_id'].astype(str)))
    return {name: values[order] for name, values in columns.items()}


def boxes_of(columns: Columns) -> np.ndarray:
    """LiDAR boxes (N, 7) of rows."""
    quaternions = stacked(columns, QUATERNION)
    yaw = 2 * np.arctan2(quaternions[:, 3], quaternions[:, 0])
    return center_to_lidar(np.column_stack([stacked(columns, (*TRANSLATION, *SIZE)), yaw]))


def to_argoverse2(detections: Detections, log_id: str = '', timestamp_ns: int = 0) -> Columns:
    """Rows of a submission; see :func:`submission_columns`."""
    return submission_columns(detections.boxes_3d, detections.scores, list(detections.names),
                              log_id, timestamp_ns)


def from_argoverse2(columns: Columns, class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`to_argoverse2`."""
    return Detections.from_lists(boxes_of(columns), columns['score'],
                                 [str(name) for name in columns['category']], class_names)


def open_feather(path: Path) -> Callable[[Mapping], Detections | None]:
    """Detections of a submission, by log and time.

    A sweep without a row counts as one where nothing was found as long as the file has rows of its
    log.
    """
    columns = read_argoverse2_submission(path)
    if not len(columns['score']):
        raise DataError(f'{path} has no row: nothing was found in any sweep')
    keys = list(zip(columns['log_id'].tolist(), columns['timestamp_ns'].tolist(), strict=True))
    logs = set(columns['log_id'].tolist())
    rows: dict[tuple[str, int], list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)

    unread = set(rows)

    def of_sample(info: Mapping) -> Detections | None:
        if info['log_id'] not in logs:
            return None
        key = info['log_id'], int(info['timestamp_ns'])
        unread.discard(key)
        found = np.array(rows.get(key, []), int)
        part = {name: values[found] for name, values in columns.items()}
        made = from_argoverse2(part, sorted(set(part['category'].tolist())))
        return replace(made, track_ids=part[TRACK]) if TRACK in part and len(made) else made

    of_sample.unread = unread
    return of_sample


def _refuse_unknown(names: np.ndarray, where: str) -> None:
    unknown = sorted(set(names.tolist()) - {*CLASSES, *NOT_EVALUATED})
    if unknown:
        raise DataError(f'{where} has the category {unknown[0]!r}, which is none of Argoverse 2: '
                        f'{", ".join(CLASSES)}')


register_results('argoverse2', ResultFormat(
    'detections of Argoverse 2 (.feather)',
    lambda path: path.is_file() and path.suffix.lower() == '.feather', open_feather))
register_format('argoverse2', to_argoverse2, from_argoverse2)
