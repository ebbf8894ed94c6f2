"""Waymo frames as v2 files: one Parquet table per component and segment."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparse3d.atomic_files import atomic_file, make_folder
from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.simulate.v2_schemas import (
    CAMERA,
    CAMERA_OBJECT,
    COMPONENTS,
    LASER,
    LASER_OBJECT,
    SEGMENT,
    TIME,
    schema,
)

Row = dict[str, Any]
_BOX = tuple(f'{part}.{axis}' for part in ('center', 'size') for axis in 'xyz') + ('heading',)
_INTRINSIC = ('f_u', 'f_v', 'c_u', 'c_v', 'k1', 'k2', 'p1', 'p2', 'k3')


def v2_path(folder: Path, context_name: str, tag: str = 'vehicle_pose') -> Path:
    """Where a component of a segment lies; ``vehicle_pose`` is there when all are."""
    return folder / tag / f'{context_name}.parquet'


def write_v2(folder: Path, context_name: str,
             frames: Iterable[waymo.WaymoFrame]) -> Iterator[waymo.WaymoFrame]:
    """Pass the frames on and write them, one row group per frame; ``vehicle_pose`` comes last."""
    with ExitStack() as files:
        writers = {}
        for tag in COMPONENTS:  # files are closed in the opposite order
            make_folder(folder / tag)
            stream = files.enter_context(atomic_file(v2_path(folder, context_name, tag)))
            writers[tag] = files.enter_context(pq.ParquetWriter(
                stream, schema(tag), compression='snappy', use_dictionary=tag != 'lidar'))
        for index, frame in enumerate(frames):
            for tag, rows in frame_rows(frame, with_calibrations=not index).items():
                if rows:
                    writers[tag].write_table(_table(tag, context_name, rows))
            yield frame


def frame_rows(frame: waymo.WaymoFrame, with_calibrations: bool) -> dict[str, list[Row]]:
    """Rows of every component; columns lack the prefix, keys the segment."""
    now = {TIME: frame.timestamp}
    rows = dict(vehicle_pose=[{**now, 'world_from_vehicle.transform': frame.ego2global.ravel()}],
                stats=[_stats(frame, now)])
    if with_calibrations:
        rows.update(_calibrations(frame))
    rows.update(_scans(frame, now))
    rows['camera_image'] = [_image(image, {**now, CAMERA: name})
                            for name, image in frame.images.items()]
    rows.update(_lidar_labels(frame.objects, now))
    rows.update(_camera_labels(frame.camera_objects, now))
    projected = frame.projected
    rows['projected_lidar_box'] = [
        {**now, CAMERA: projected.cameras[row], LASER_OBJECT: projected.laser_ids[row],
         **_image_box(projected.boxes[row]), 'type': projected.types[row]}
        for row in range(len(projected))]
    return rows


def _table(tag: str, context_name: str, rows: list[Row]) -> pa.Table:
    name, keys, columns = COMPONENTS[tag]
    fields = schema(tag)
    arrays = [pa.array([context_name] * len(rows), fields.field(SEGMENT).type)]
    for column in (*keys, *columns):
        full = column if column in keys else f'[{name}Component].{column}'
        arrays.append(pa.array([row.get(column) for row in rows], fields.field(full).type))
    return pa.Table.from_arrays(arrays, schema=fields)


def _stats(frame: waymo.WaymoFrame, now: Row) -> Row:
    row = dict(now, **frame.conditions)
    for sensor, objects in (('lidar', frame.objects), ('camera', frame.camera_objects)):
        types, counts = np.unique(objects.types, return_counts=True)
        row[f'{sensor}_object_counts.types'] = types
        row[f'{sensor}_object_counts.counts'] = counts
    return row


def _calibrations(frame: waymo.WaymoFrame) -> dict[str, list[Row]]:
    lidars = [{LASER: name, 'extrinsic.transform': item.extrinsic.ravel(),
               'beam_inclination.min': item.inclination_min,
               'beam_inclination.max': item.inclination_max,
               'beam_inclination.values': item.inclinations}
              for name, item in frame.lidar_calibrations.items()]
    cameras = [{CAMERA: name, 'extrinsic.transform': item.extrinsic.ravel(), 'width': item.width,
                'height': item.height, 'rolling_shutter_direction': item.rolling_shutter_direction,
                **{f'intrinsic.{key}': value for key, value in zip(
                    _INTRINSIC, item.intrinsic, strict=True)}}
               for name, item in frame.camera_calibrations.items()]
    return dict(lidar_calibration=lidars, camera_calibration=cameras)


def _scans(frame: waymo.WaymoFrame, now: Row) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = dict(lidar=[], lidar_pose=[], lidar_camera_projection=[])
    for name, scan in frame.scans.items():
        keys = {**now, LASER: name}
        rows['lidar'].append({**keys, **_range_images(scan.returns)})
        if scan.pixel_pose is not None:
            rows['lidar_pose'].append({**keys, **_range_images([scan.pixel_pose])})
        if scan.projections:
            rows['lidar_camera_projection'].append({**keys, **_range_images(scan.projections)})
    return rows


def _range_images(images: list[np.ndarray]) -> Row:
    row: Row = {}
    for number, image in enumerate(images, start=1):
        row[f'range_image_return{number}.values'] = image.ravel().astype(np.float32)
        row[f'range_image_return{number}.shape'] = np.array(image.shape, dtype=np.int32)
    return row


def _image(image: waymo.CameraImage, keys: Row) -> Row:
    names = [f'velocity.{kind}_velocity.{axis}' for kind in ('linear', 'angular')
             for axis in 'xyz']
    return {**keys, 'image': image.jpeg, 'pose.transform': image.pose.ravel(),
            **dict(zip(names, image.velocity, strict=True)),
            'pose_timestamp': image.pose_timestamp,
            'rolling_shutter_params.shutter': image.shutter,
            'rolling_shutter_params.camera_trigger_time': image.trigger_time,
            'rolling_shutter_params.camera_readout_done_time': image.readout_done_time}


def _lidar_labels(objects: waymo.LidarObjects, now: Row) -> dict[str, list[Row]]:
    boxes, synced, joints = [], [], []
    for row in range(len(objects)):
        keys = {**now, LASER_OBJECT: objects.ids[row]}
        boxes.append({
            **keys, **_named('box', objects.boxes[row]), 'type': objects.types[row],
            'num_lidar_points_in_box': objects.num_points[row],
            'num_top_lidar_points_in_box': objects.num_top_points[row],
            **_axes('speed', objects.speeds[row]),
            **_axes('acceleration', objects.accelerations[row]),
            'difficulty_level.detection': objects.annotated_difficulty[row] or None,
            'difficulty_level.tracking': objects.tracking_difficulty[row] or None})
        if objects.most_visible_camera[row]:
            synced.append({**keys, 'most_visible_camera_name': objects.most_visible_camera[row],
                           **_named('camera_synced_box', objects.synced_boxes[row])})
        if objects.visibility[row].any():
            joints.append({**keys, **_joints('lidar_keypoints[*]', objects.keypoints[row],
                                             objects.visibility[row], waymo.LIDAR_JOINT_TYPES)})
    return dict(lidar_box=boxes, lidar_camera_synced_box=synced, lidar_hkp=joints)


def _camera_labels(people: waymo.CameraObjects, now: Row) -> dict[str, list[Row]]:
    boxes, joints, pairs = [], [], []
    for row in range(len(people)):
        keys = {**now, CAMERA: people.cameras[row], CAMERA_OBJECT: people.ids[row]}
        boxes.append({**keys, **_image_box(people.boxes[row]), 'type': people.types[row],
                      'difficulty_level.detection': people.annotated_difficulty[row] or None})
        pairs.append({**keys, LASER_OBJECT: people.laser_ids[row]})
        if people.visibility[row].any():
            joints.append({**keys, **_joints('camera_keypoints[*]', people.keypoints[row],
                                             people.visibility[row], waymo.CAMERA_JOINT_TYPES)})
    return dict(camera_box=boxes, camera_hkp=joints, camera_to_lidar_box_association=pairs)


def _joints(prefix: str, positions: np.ndarray, visibility: np.ndarray,
            types: tuple[int, ...]) -> Row:
    shown = np.flatnonzero(visibility)
    kind, where = ('3d', 'location_m') if positions.shape[1] == 3 else ('2d', 'location_px')
    return {f'{prefix}.type': np.array(types)[shown],
            f'{prefix}.keypoint_{kind}.visibility.is_occluded':
                visibility[shown] == waymo.OCCLUDED,
            **{f'{prefix}.keypoint_{kind}.{where}.{axis}': positions[shown, column]
               for column, axis in enumerate('xyz'[:positions.shape[1]])}}


def _named(prefix: str, box: np.ndarray) -> Row:
    return {f'{prefix}.{name}': value for name, value in zip(_BOX, box, strict=True)}


def _axes(prefix: str, vector: np.ndarray) -> Row:
    return {f'{prefix}.{axis}': value for axis, value in zip('xyz', vector, strict=True)}


def _image_box(box: np.ndarray) -> Row:
    left, top, right, bottom = box
    return {'box.center.x': (left + right) / 2, 'box.center.y': (top + bottom) / 2,
            'box.size.x': right - left, 'box.size.y': bottom - top}
