"""Detections of a submission and objects of the tables as columns; what nuScenes leaves out."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparse3d.datasets.nuscenes.categories import (
    ATTRIBUTES,
    BICYCLE_RACK,
    CLASS_OF_CATEGORY,
    CLASSES,
)
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns, join_columns, yaw_of
from sparse3d.datasets.nuscenes.evaluate.detection_score import DetectionRules
from sparse3d.datasets.nuscenes.prepare.parts_there import LIDAR
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.errors import DataError
from sparse3d.structures.quaternions import rotation_matrices

_LABELS = {name: label for label, name in enumerate(CLASSES)}
_ATTRIBUTE_ROWS = {'': -1} | {name: row for row, name in enumerate(ATTRIBUTES)}
_IN_RACKS = (_LABELS['bicycle'], _LABELS['motorcycle'])
_WIDTHS = {'translation': 3, 'size': 3, 'rotation': 4, 'velocity': 2, 'detection_score': None}


def read_submission(results: Mapping[str, Sequence[Mapping]], positions: Mapping[str, np.ndarray],
                    rules: DetectionRules) -> BoxColumns:
    """The boxes of a submission, in its order.

    Args:
        results: records by sample token.
        positions: of the vehicle (3,) in the global frame by sample token.
        rules: say how many boxes a sample may have.

    Raises:
        DataError: naming the sample, the box and its key.
    """
    parts = []
    for row, (token, records) in enumerate(results.items()):
        what = f'sample {token} of the submission'
        if not isinstance(records, Sequence) or isinstance(records, str):
            raise DataError(f'{what} has no list of boxes')
        if len(records) > rules.max_boxes_per_sample:
            raise DataError(f'{what} has {len(records)} boxes; nuScenes takes at most '
                            f'{rules.max_boxes_per_sample} of a sample')
        parts.append(box_columns(records, row, positions[token], what, token))
    return join_columns(parts or [box_columns([], 0, np.zeros(3), '')])


def read_objects(tables: NuScenesTables, positions: Mapping[str, np.ndarray]) -> BoxColumns:
    """The annotations of samples that are of a class that is evaluated.

    Args:
        tables: ours, or those of the devkit.
        positions: see :func:`read_submission`; which samples, and in which order.

    Raises:
        DataError: naming the annotation.
    """
    attributes = {row['token']: row['name'] for row in tables.attribute}
    parts = []
    for row, token in enumerate(positions):
        records = [_record(tables, annotation, attributes)
                   for annotation in tables.get('sample', token)['anns']]
        parts.append(box_columns([record for record in records if record is not None], row,
                                 positions[token], f'sample {token} of the tables'))
    return join_columns(parts)


def vehicle_positions(tables: NuScenesTables, tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """Where the vehicle is (3,) in the global frame when the LiDAR of each sample looks."""
    positions = {}
    for token in tokens:
        sample = tables.get('sample', token)
        if LIDAR not in sample['data']:
            raise DataError(f'sample {token} of {tables.table_root} has no {LIDAR}, from whose '
                            f'pose nuScenes measures the range of boxes')
        data = tables.get('sample_data', sample['data'][LIDAR])
        positions[token] = np.array(tables.get('ego_pose', data['ego_pose_token'])['translation'],
                                 dtype=np.float64)
    return positions


def that_count(boxes: BoxColumns, rules: DetectionRules, tables: NuScenesTables | None = None,
               tokens: Sequence[str] = ()) -> BoxColumns:
    """Boxes within the range of their class, with a point in them if that is known, and not
    in a bicycle rack, of which the tables of the samples ``tokens`` know."""
    return boxes.select(rows_that_count(boxes, rules, tables, tokens))


def rows_that_count(boxes: BoxColumns, rules: DetectionRules,
                    tables: NuScenesTables | None = None,
                    tokens: Sequence[str] = ()) -> np.ndarray:
    """Rows of :func:`that_count`."""
    rows = np.flatnonzero((boxes.distance < rules.ranges()[boxes.label]) & (boxes.num_points != 0))
    boxes = boxes.select(rows)
    if tables is None or not len(boxes):
        return rows
    kept = np.ones(len(boxes), dtype=bool)
    cycles = np.flatnonzero(np.isin(boxes.label, _IN_RACKS))
    for row in np.unique(boxes.sample[cycles]):
        here = cycles[boxes.sample[cycles] == row]
        records = [tables.get('sample_annotation', annotation)
                   for annotation in tables.get('sample', tokens[row])['anns']]
        for record in records:
            if record['category_name'] == BICYCLE_RACK:
                kept[here] &= ~_inside(boxes.center[here], record)
    return rows[kept]


def box_columns(records: Sequence[Mapping], row: int, position: np.ndarray, what: str,
                token: str | None = None) -> BoxColumns:
    """Records of the detection task as columns.

    Args:
        records: of one sample.
        row: number of the sample.
        position: (3,) of the vehicle.
        what: the sample, for messages.
        token: what the records must name as their sample.
    """
    columns = {key: _column(records, key, width, what) for key, width in _WIDTHS.items()}
    for key in ('translation', 'size', 'rotation', 'detection_score'):
        wrong = np.flatnonzero(np.isnan(columns[key].reshape(len(records), _WIDTHS[key] or 1)
                                        ).any(axis=1))
        if len(wrong):
            raise DataError(f'{key} of box {wrong[0]} of {what} is NaN')
    for number, record in enumerate(records):
        if token is not None and record.get('sample_token', token) != token:
            raise DataError(f'box {number} of {what} says that it is of sample '
                            f'{record["sample_token"]!r}')
    center = columns['translation']
    offset = center[:, :2] - position[:2]
    return BoxColumns(
        sample=np.full(len(records), row), label=_rows(records, 'detection_name', _LABELS, what),
        center=center, size=columns['size'], yaw=yaw_of(columns['rotation']),
        velocity=columns['velocity'],
        attribute=_rows(records, 'attribute_name', _ATTRIBUTE_ROWS, what),
        score=columns['detection_score'], distance=np.sqrt((offset * offset).sum(axis=1)),
        num_points=np.array([record.get('num_pts', -1) for record in records], dtype=np.int64))


def _column(records: Sequence[Mapping], key: str, width: int | None, what: str) -> np.ndarray:
    """(N, width) float64, or (N,) for no width."""
    shape = (len(records),) if width is None else (len(records), width)
    if not records:
        return np.zeros(shape)
    try:
        values = np.array([record[key] for record in records])
    except (KeyError, TypeError, ValueError):
        values = None
    if values is not None and values.shape == shape and values.dtype.kind in 'iuf':
        return values.astype(np.float64)
    number = next((number for number, record in enumerate(records)
                   if not _fits(record, key, shape[1:])), 0)
    wanted = 'a number' if width is None else f'{width} numbers'
    raise DataError(f'{key} of box {number} of {what} is {_shown(records[number], key)}, not '
                    f'{wanted}')


def _fits(record: Any, key: str, shape: tuple) -> bool:
    try:
        values = np.array(record[key])
    except (KeyError, TypeError, ValueError):
        return False
    return values.shape == shape and values.dtype.kind in 'iuf'


def _rows(records: Sequence[Mapping], key: str, rows: Mapping[str, int], what: str) -> np.ndarray:
    try:
        return np.array([rows[record[key]] for record in records], dtype=np.int64)
    except (KeyError, TypeError):
        number = next(number for number, record in enumerate(records)
                      if not isinstance(record.get(key), str) or record[key] not in rows)
        raise DataError(f'{key} of box {number} of {what} is {_shown(records[number], key)}; '
                        f'nuScenes knows {", ".join(name or repr(name) for name in rows)}'
                        ) from None


def _shown(record: Any, key: str) -> str:
    if not isinstance(record, Mapping) or key not in record:
        return 'absent'
    return f'{record[key]!r:.60}'


def _record(tables: NuScenesTables, token: str, attributes: Mapping[str, str]) -> dict | None:
    """An annotation as a record of the detection task; None if its class is not evaluated."""
    row = tables.get('sample_annotation', token)
    name = CLASS_OF_CATEGORY.get(row['category_name'])
    if name is None:
        return None
    named = [attributes[attribute] for attribute in row['attribute_tokens']]
    if len(named) > 1:
        raise DataError(f'the annotation {token} of {tables.table_root} has {len(named)} '
                        f'attributes ({", ".join(named)}); nuScenes evaluates at most one')
    return dict(translation=row['translation'], size=row['size'], rotation=row['rotation'],
                velocity=tables.box_velocity(token)[:2], detection_name=name,
                detection_score=-1.0, attribute_name=named[0] if named else '',
                num_pts=row['num_lidar_pts'] + row['num_radar_pts'])


def _inside(centers: np.ndarray, record: Mapping) -> np.ndarray:
    """Whether points (N, 3) are in the box of an annotation, its faces included."""
    local = (centers - record['translation']) @ rotation_matrices(record['rotation'])
    width, length, height = record['size']
    return (np.abs(local) <= np.array([length, width, height]) / 2).all(axis=1)
