"""Waymo v1: the label messages of a frame."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from google.protobuf.message import Message

from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.prepare.plausible import finite_rows, plausible_boxes, sensor_number
from sparse3d.errors import DataError

_BOX = ('center_x', 'center_y', 'center_z', 'length', 'width', 'height', 'heading')
_SPEED, _ACCELERATION = ('speed_x', 'speed_y', 'speed_z'), ('accel_x', 'accel_y', 'accel_z')


def read_lidar_objects(labels: Iterable[Message], where: str) -> waymo.LidarObjects:
    """3D labels of a frame.

    Raises:
        DataError: if a number in them cannot be.
    """
    labels = list(labels)
    joints = [_lidar_joints(label) for label in labels]
    boxes = _table([_numbers(label, 'box', _BOX) for label in labels], 7)
    return waymo.LidarObjects(
        [label.id for label in labels], _integers(labels, 'type'),
        plausible_boxes(boxes, where), _integers(labels, 'num_lidar_points_in_box'),
        _integers(labels, 'num_top_lidar_points_in_box'),
        _table([_numbers(label, 'metadata', _SPEED) for label in labels], 3),
        _table([_numbers(label, 'metadata', _ACCELERATION) for label in labels], 3),
        _integers(labels, 'detection_difficulty_level'),
        _integers(labels, 'tracking_difficulty_level'),
        np.array([_camera_of(label, where) for label in labels], dtype=np.int64),
        _table([_numbers(label, 'camera_synced_box', _BOX) for label in labels], 7),
        np.array([location for location, _ in joints]).reshape(-1, 14, 3),
        np.array([visibility for _, visibility in joints], dtype=np.int64).reshape(-1, 14))


def read_camera_objects(groups: Iterable[Message], where: str) -> waymo.CameraObjects:
    """2D labels of a frame; ``groups`` has one message per camera."""
    cameras, labels = _flatten(groups, where)
    joints = [_camera_joints(label) for label in labels]
    return waymo.CameraObjects(
        cameras, [label.id for label in labels], _integers(labels, 'type'),
        finite_rows(_image_boxes(labels), 'an image box', where),
        _integers(labels, 'detection_difficulty_level'),
        [label.association.laser_object_id for label in labels],
        np.array([location for location, _ in joints]).reshape(-1, 14, 2),
        np.array([visibility for _, visibility in joints], dtype=np.int64).reshape(-1, 14))


def read_projected_objects(groups: Iterable[Message], where: str) -> waymo.ProjectedObjects:
    """Projected 3D labels of a frame; their ids are those of the objects and the camera's name."""
    cameras, labels = _flatten(groups, where)
    ids = [label.id.removesuffix(f'_{waymo.CAMERA_NAMES[camera]}')
           for camera, label in zip(cameras, labels, strict=True)]
    return waymo.ProjectedObjects(
        cameras, ids, _integers(labels, 'type'),
        finite_rows(_image_boxes(labels), 'a projected box', where))


def _flatten(groups: Iterable[Message], where: str) -> tuple[np.ndarray, list[Message]]:
    pairs = [(sensor_number(group.name, waymo.CAMERA_NAMES, where), label)
             for group in groups for label in group.labels]
    return np.array([camera for camera, _ in pairs], dtype=np.int64), [item for _, item in pairs]


def _integers(labels: list[Message], name: str) -> np.ndarray:
    return np.array([getattr(label, name) for label in labels], dtype=np.int64)


def _numbers(label: Message, part: str, names: tuple[str, ...]) -> list[float]:
    """Fields of a part of a label, NaN if the label has no such part."""
    if not label.HasField(part):
        return [np.nan] * len(names)
    return [getattr(getattr(label, part), name) for name in names]


def _table(rows: list[list[float]], columns: int) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def _image_boxes(labels: list[Message]) -> np.ndarray:
    boxes = [label.box for label in labels]
    return _table([[box.center_x - box.length / 2, box.center_y - box.width / 2,
                    box.center_x + box.length / 2, box.center_y + box.width / 2]
                   for box in boxes], 4)


def _camera_of(label: Message, where: str) -> int:
    name = label.most_visible_camera_name
    if name and name not in waymo.CAMERA_NAMES:
        raise DataError(f'{where} names the unknown camera {name!r}')
    return waymo.CAMERA_NAMES.index(name) if name else 0


def _lidar_joints(label: Message) -> tuple[np.ndarray, np.ndarray]:
    joints = label.laser_keypoints.keypoint
    places = [joint.keypoint_3d.location_m for joint in joints]
    return waymo.arrange_joints(
        [joint.type for joint in joints], _table([[p.x, p.y, p.z] for p in places], 3),
        [joint.keypoint_3d.visibility.is_occluded for joint in joints], waymo.LIDAR_JOINT_TYPES)


def _camera_joints(label: Message) -> tuple[np.ndarray, np.ndarray]:
    joints = label.camera_keypoints.keypoint
    places = [joint.keypoint_2d.location_px for joint in joints]
    return waymo.arrange_joints(
        [joint.type for joint in joints], _table([[p.x, p.y] for p in places], 2),
        [joint.keypoint_2d.visibility.is_occluded for joint in joints], waymo.CAMERA_JOINT_TYPES)
