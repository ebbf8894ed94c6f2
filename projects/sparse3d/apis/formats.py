"""Detections to and from plain dicts, nuScenes, KITTI and Waymo."""
from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti
from sparse3d.datasets.kitti.results import format_detections, name_in_file
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import (
    center_to_lidar,
    kitti_camera_to_lidar,
    lidar_to_center,
    lidar_to_kitti_camera,
    lidar_to_nuscenes,
    nuscenes_to_lidar,
    wrap_angle,
)
from sparse3d.structures.detections import Detections

# A camera in the place of the LiDAR, looking along x.
NOMINAL_CAMERA = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
_BOX = ('x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw', 'vx', 'vy')


def to_dicts(detections: Detections) -> list[dict]:
    """``{'class', 'score', 'x', 'y', 'z_bottom', 'dx', 'dy', 'dz', 'yaw'[, 'vx', 'vy']
    [, 'keypoints', 'keypoint_visibility']}`` of each detection, Python numbers only."""
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
        dicts.append(item)
    return dicts


def to_csv(found: Detections) -> str:
    """A table in the layout of label files (``docs/custom_data.md``), with a column ``score``."""
    stream, width = io.StringIO(), found.boxes_3d.shape[1]
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['class', *_BOX[:width], 'score'])
    writer.writerows([name, *map(repr, box), repr(score)] for name, box, score in
                     zip(found.names, found.boxes_3d.tolist(), found.scores.tolist(), strict=True))
    return stream.getvalue()


def from_dicts(dicts: Sequence[Mapping], class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`to_dicts`.

    Raises:
        DataError: for an absent key, a value that is no number, or an unknown class.
    """
    if not all(isinstance(item, Mapping) for item in dicts):
        raise DataError('detections are dicts with class, x, y, z_bottom, dx, dy, dz, yaw')
    columns = _BOX if dicts and 'vx' in dicts[0] else _BOX[:7]
    try:
        boxes = [[_number(item[name], name) for name in columns] for item in dicts]
        scores = [_number(item.get('score', 1.0), 'score') for item in dicts]
        labels = [_label(item['class'], class_names) for item in dicts]
    except KeyError as error:
        raise DataError(f'a detection lacks {error}') from error
    joints = [[item[name] for item in dicts] if dicts and all(name in item for item in dicts)
              else None for name in ('keypoints', 'keypoint_visibility')]
    return _detections(np.array(boxes).reshape(-1, len(columns)), scores, labels, class_names,
                       *(None if values is None else np.array(values) for values in joints))


def to_nuscenes(detections: Detections, sample_token: str,
                lidar2global: np.ndarray | None) -> list[dict]:
    """Entries with ``sample_token``, ``translation``, ``size`` (w, l, h), ``rotation``
    (w, x, y, z), ``velocity``, ``detection_name``, ``detection_score``."""
    translation, size, rotation = lidar_to_nuscenes(detections.boxes_3d[:, :7], lidar2global)
    velocity = _turned(detections, np.eye(4) if lidar2global is None else lidar2global)
    return [dict(sample_token=sample_token, translation=translation[row].tolist(),
                 size=size[row].tolist(), rotation=rotation[row].tolist(),
                 velocity=velocity[row].tolist(), detection_name=name,
                 detection_score=float(detections.scores[row]))
            for row, name in enumerate(detections.names)]


def from_nuscenes(entries: Sequence[Mapping], class_names: Sequence[str],
                  lidar2global: np.ndarray | None) -> Detections:
    """The inverse of :func:`to_nuscenes`."""
    matrix = np.eye(4) if lidar2global is None else np.asarray(lidar2global)
    columns = [np.array([entry[name] for entry in entries], float).reshape(-1, width)
               for name, width in (('translation', 3), ('size', 3), ('rotation', 4),
                                   ('velocity', 2))]
    boxes = nuscenes_to_lidar(*columns[:3], matrix)
    flat = np.column_stack([columns[3], np.zeros(len(boxes))]) @ matrix[:3, :3]
    return _detections(np.column_stack([boxes, flat[:, :2]]),
                       [entry['detection_score'] for entry in entries],
                       [_label(entry['detection_name'], class_names) for entry in entries],
                       class_names)


def to_kitti(detections: Detections, camera: Mapping | None) -> str:
    """Lines of a KITTI result file; blanks in class names become underscores.

    Args:
        camera: ``lidar2cam`` (4, 4), ``cam2img`` (3 or 4, 4), ``height``, ``width``; boxes
            outside its image are left out. None assumes a camera in the place of the
            LiDAR that looks along x; all boxes are written, their image boxes as -1.
    """
    if camera is not None:
        objects = lidar_boxes_to_kitti(detections.boxes_3d, detections.scores, detections.labels,
                                       detections.class_names, camera)
        return format_detections(objects)
    boxes = lidar_to_kitti_camera(detections.boxes_3d[:, :7], NOMINAL_CAMERA)
    sight = np.arctan2(boxes[:, 0], boxes[:, 2])
    return format_detections(KittiObjects.from_arrays(dict(
        name=detections.names, bbox=np.full((len(boxes), 4), -1.0), location=boxes[:, :3],
        dimensions=boxes[:, 3:6], rotation_y=boxes[:, 6],
        alpha=wrap_angle(boxes[:, 6] - sight), score=detections.scores)))


def from_kitti(text: str, class_names: Sequence[str], camera: Mapping | None) -> Detections:
    """The inverse of :func:`to_kitti`, for result lines (16 columns) and labels (15).

    Raises:
        DataError: for a line with another number of columns, a word that is no finite number, or
            an unknown class.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    for row in rows:
        if len(row) not in (15, 16):
            raise DataError(f'a line of a KITTI file has 15 or 16 columns, not {len(row)}')
    numbers = np.array([[_number(value, 'a column of a KITTI file') for value in row[8:15]]
                        for row in rows]).reshape(-1, 7)
    matrix = NOMINAL_CAMERA if camera is None else camera['lidar2cam']
    boxes = kitti_camera_to_lidar(numbers[:, [3, 4, 5, 2, 0, 1, 6]], matrix)
    words = {name_in_file(name): name for name in class_names}
    return _detections(boxes, [_number(row[15], 'a score') if len(row) == 16 else 1.0
                               for row in rows],
                       [_label(words.get(row[0], row[0]), class_names) for row in rows],
                       class_names)


def to_waymo(detections: Detections) -> dict[str, np.ndarray]:
    """``boxes`` (N, 7) x, y, z of the center, length, width, height, heading in the vehicle
    frame; ``scores``; ``names``."""
    return dict(boxes=lidar_to_center(detections.boxes_3d[:, :7]), scores=detections.scores,
                names=np.array(detections.names, dtype=str))


def from_waymo(values: Mapping[str, np.ndarray], class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`to_waymo`."""
    boxes = center_to_lidar(np.asarray(values['boxes']).reshape(-1, 7))
    return _detections(boxes, values['scores'],
                       [_label(name, class_names) for name in values['names']], class_names)


def _detections(boxes: np.ndarray, scores: Sequence, labels: Sequence,
                class_names: Sequence[str], *joints: np.ndarray | None) -> Detections:
    return Detections(boxes.astype(np.float32), np.array(scores, np.float32).reshape(-1),
                      np.array(labels, np.int64).reshape(-1), tuple(class_names), *joints)


def _number(value: Any, what: str) -> float:
    """A finite number; velocities may be unknown (NaN)."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f'{what} is {value!r}, no number') from error
    if not np.isfinite(number) and what not in _BOX[7:]:
        raise DataError(f'{what} is {value!r}, no finite number')
    return number


def _label(name: str, class_names: Sequence[str]) -> int:
    if name not in class_names:
        raise DataError(f'there is no class {name!r} among {", ".join(class_names)}')
    return list(class_names).index(name)


def _turned(detections: Detections, matrix: np.ndarray) -> np.ndarray:
    """Velocities (N, 2) in another frame; 0 where the detector gives none."""
    if detections.boxes_3d.shape[1] < 9:
        return np.zeros((len(detections), 2))
    flat = np.column_stack([detections.boxes_3d[:, 7:9], np.zeros(len(detections))])
    return (flat @ np.asarray(matrix)[:3, :3].T)[:, :2]
