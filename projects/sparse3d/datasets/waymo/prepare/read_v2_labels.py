"""Waymo v2: the label tables of one segment, joined to objects."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.prepare.parquet_tables import ParquetTable
from sparse3d.datasets.waymo.prepare.plausible import finite_rows, plausible_boxes, sensor_number
from sparse3d.errors import DataError

_CAMERA, _LASER_ID, _CAMERA_ID = 'key.camera_name', 'key.laser_object_id', 'key.camera_object_id'
_BOX = (*(f'center.{axis}' for axis in 'xyz'), *(f'size.{axis}' for axis in 'xyz'), 'heading')
_BOX_3D = tuple(f'box.{name}' for name in _BOX)
_SYNCED = tuple(f'camera_synced_box.{name}' for name in _BOX)
_BOX_2D = ('box.center.x', 'box.center.y', 'box.size.x', 'box.size.y')
_SPEED = tuple(f'speed.{axis}' for axis in 'xyz')
_ACCELERATION = tuple(f'acceleration.{axis}' for axis in 'xyz')
_COUNTS = ('num_lidar_points_in_box', 'num_top_lidar_points_in_box')
_DIFFICULTY = ('difficulty_level.detection', 'difficulty_level.tracking')
_HIDDEN_3D, _HIDDEN_2D = ('keypoint_3d.visibility.is_occluded',
                          'keypoint_2d.visibility.is_occluded')
_PLACE_3D = tuple(f'keypoint_3d.location_m.{axis}' for axis in 'xyz')
_PLACE_2D = tuple(f'keypoint_2d.location_px.{axis}' for axis in 'xy')
_Rows = dict[int, list[dict[str, Any]]]


class LabelTables:
    """All labels of one segment; a component that is not there has no rows.

    Raises:
        DataError: if a table is damaged, has rows at unknown times, or describes an object
            that the table of boxes lacks.
    """

    def __init__(self, folder: Path, context: str, times: set[int]) -> None:
        self.folder, self.context, self.times = folder, context, times
        self.boxes = self._read('lidar_box', 'LiDARBox', (_LASER_ID,), (
            *_BOX_3D, 'type', *_COUNTS, *_SPEED, *_ACCELERATION, *_DIFFICULTY))
        self.synced = self._read('lidar_camera_synced_box', 'LiDARCameraSyncedBox', (_LASER_ID,),
                                 ('most_visible_camera_name', *_SYNCED))
        self.lidar_joints = self._read(
            'lidar_hkp', 'LiDARHumanKeypoints', (_LASER_ID,), ('type', *_PLACE_3D, _HIDDEN_3D),
            inner='lidar_keypoints[*].')
        self.image_boxes = self._read('camera_box', 'CameraBox', (_CAMERA, _CAMERA_ID),
                                      (*_BOX_2D, 'type', *_DIFFICULTY))
        self.camera_joints = self._read(
            'camera_hkp', 'CameraHumanKeypoints', (_CAMERA, _CAMERA_ID),
            ('type', *_PLACE_2D, _HIDDEN_2D), inner='camera_keypoints[*].')
        self.pairs = self._read('camera_to_lidar_box_association',
                                'CameraToLiDARBoxAssociation',
                                (_CAMERA, _CAMERA_ID, _LASER_ID), ())
        self.projected = self._read('projected_lidar_box', 'ProjectedLiDARBox',
                                    (_CAMERA, _LASER_ID), (*_BOX_2D, 'type'))

    def lidar_objects(self, time: int) -> waymo.LidarObjects:
        """3D labels at one time."""
        where = f'{self.folder / "lidar_box"}, {self.context} at {time}'
        rows = self.boxes.get(time, [])
        ids = [row[_LASER_ID] for row in rows]
        _refuse_twice(ids, where)
        synced = _joined(self.synced.get(time, []), (_LASER_ID,), ids, where)
        joints = _joined(self.lidar_joints.get(time, []), (_LASER_ID,), ids, where)
        keypoints, visibility = _arrange(joints, _PLACE_3D, _HIDDEN_3D, waymo.LIDAR_JOINT_TYPES)
        return waymo.LidarObjects(
            ids, _integers(rows, 'type'), plausible_boxes(_table(rows, _BOX_3D), where),
            *(_integers(rows, name) for name in _COUNTS), _table(rows, _SPEED),
            _table(rows, _ACCELERATION), *(_integers(rows, name) for name in _DIFFICULTY),
            _integers(synced, 'most_visible_camera_name'), _table(synced, _SYNCED),
            keypoints, visibility)

    def camera_objects(self, time: int) -> waymo.CameraObjects:
        """2D labels at one time; without the component ``camera_box`` those with keypoints."""
        where = f'{self.folder / "camera_box"}, {self.context} at {time}'
        rows = (self.image_boxes if self.image_boxes else self.camera_joints).get(time, [])
        has_boxes = bool(self.image_boxes)
        ids = [(row[_CAMERA], row[_CAMERA_ID]) for row in rows]
        _refuse_twice(ids, where)
        joints = _joined(self.camera_joints.get(time, []), (_CAMERA, _CAMERA_ID), ids, where)
        pairs = _joined(self.pairs.get(time, []), (_CAMERA, _CAMERA_ID), ids, where)
        keypoints, visibility = _arrange(joints, _PLACE_2D, _HIDDEN_2D, waymo.CAMERA_JOINT_TYPES)
        boxes = _image_boxes(rows, where) if has_boxes else np.full((len(rows), 4), np.nan)
        types = _integers(rows, 'type') if has_boxes else np.zeros(len(rows), np.int64)
        return waymo.CameraObjects(
            _cameras(rows, where), [name for _, name in ids], types, boxes,
            _integers(rows, _DIFFICULTY[0]), [row.get(_LASER_ID) or '' for row in pairs],
            keypoints, visibility)

    def projected_objects(self, time: int) -> waymo.ProjectedObjects:
        """Projected 3D labels at one time."""
        where = f'{self.folder / "projected_lidar_box"}, {self.context} at {time}'
        rows = self.projected.get(time, [])
        return waymo.ProjectedObjects(
            _cameras(rows, where), [row[_LASER_ID] for row in rows], _integers(rows, 'type'),
            _image_boxes(rows, where))

    def _read(self, tag: str, name: str, keys: Sequence[str], columns: Sequence[str],
              inner: str = '') -> _Rows:
        path = self.folder / tag / f'{self.context}.parquet'
        # Keypoints are rare: a segment without them may have no file.
        if not (path.is_file() if inner else path.parent.is_dir()):
            return {}
        prefix = f'[{name}Component].{inner}'
        rows = ParquetTable(path, prefix, keys, columns).rows_by_time()
        if rows.keys() - self.times:
            raise DataError(f'{path} has rows at times that vehicle_pose lacks')
        if any(row[key] is None for group in rows.values() for row in group for key in keys):
            raise DataError(f'{path} has a row without a key; it is damaged')
        return rows


def _refuse_twice(ids: list, where: str) -> None:
    if len(set(ids)) != len(ids):
        raise DataError(f'{where} has the same object twice')


def _joined(rows: list[dict[str, Any]], keys: tuple[str, ...], ids: list,
            where: str) -> list[dict[str, Any]]:
    """The row of each object, an empty one for objects without."""
    found = {row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys): row
             for row in rows}
    unknown = found.keys() - set(ids)
    if unknown and ids:
        raise DataError(f'{where} lacks the box of the object {min(unknown)}, which another '
                        f'component describes')
    return [found.get(name, {}) for name in ids]


def _table(rows: list[dict[str, Any]], names: tuple[str, ...]) -> np.ndarray:
    return np.array([[row.get(name) for name in names] for row in rows],
                    dtype=np.float64).reshape(-1, len(names))   # None becomes NaN


def _integers(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row.get(name) or 0 for row in rows], dtype=np.int64)


def _cameras(rows: list[dict[str, Any]], where: str) -> np.ndarray:
    return np.array([sensor_number(row[_CAMERA], waymo.CAMERA_NAMES, where) for row in rows],
                    dtype=np.int64)


def _image_boxes(rows: list[dict[str, Any]], where: str) -> np.ndarray:
    x, y, width, height = finite_rows(_table(rows, _BOX_2D), 'an image box', where).T
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _arrange(rows: list[dict[str, Any]], axes: tuple[str, ...], occluded: str,
             order: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    keypoints = np.zeros((len(rows), len(order), len(axes)))
    visibility = np.zeros((len(rows), len(order)), dtype=np.int64)
    for index, row in enumerate(rows):
        if row.get('type'):
            locations = np.array([row[place] for place in axes], dtype=np.float64).T
            keypoints[index], visibility[index] = waymo.arrange_joints(
                row['type'], locations, row[occluded], order)
    return keypoints, visibility
