"""Waymo v1: frames from a TFRecord file of ``Frame`` messages."""
from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from google.protobuf.message import DecodeError, Message

from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.messages import Frame
from sparse3d.datasets.waymo.prepare.matrices import read_float_matrix, read_int_matrix
from sparse3d.datasets.waymo.prepare.plausible import check_scan, rigid_pose, sensor_number
from sparse3d.datasets.waymo.prepare.read_v1_labels import (
    read_camera_objects,
    read_lidar_objects,
    read_projected_objects,
)
from sparse3d.datasets.waymo.prepare.tfrecord import read_records
from sparse3d.errors import DataError


def read_v1(path: str | os.PathLike, projections: bool = False) -> Iterator[waymo.WaymoFrame]:
    """Yield the frames of one segment, one at a time in memory.

    Args:
        path: ``segment-*_with_camera_labels.tfrecord``.
        projections: also decode the camera projection of every pixel.

    Raises:
        DataError: naming the file and the record, if it is missing or damaged, mixes
            segments, or its timestamps do not rise.
    """
    context, timestamp = None, -1
    for index, record in enumerate(read_records(path)):
        where = f'{path}, record {index}'
        frame = _read_frame(record, index, projections, where)
        if context not in (None, frame.context_name) or frame.timestamp <= timestamp:
            raise DataError(f'{where} does not follow the record before it: another segment '
                            f'or an earlier time')
        context, timestamp = frame.context_name, frame.timestamp
        yield frame
    if context is None:
        raise DataError(f'{path} holds no frame; fetch it again')


def _read_frame(record: bytes, index: int, projections: bool, where: str) -> waymo.WaymoFrame:
    try:
        message = Frame.FromString(record)
        return _frame(message, index, projections, where)
    except (DecodeError, UnicodeDecodeError) as error:
        raise DataError(f'{where} is not a frame of the Waymo Open Dataset: {error}') from error


def _frame(message: Message, index: int, projections: bool, where: str) -> waymo.WaymoFrame:
    context = message.context
    if not context.name or not message.HasField('timestamp_micros'):
        raise DataError(f'{where} has no segment name or no timestamp; it is not a frame of the '
                        f'Waymo Open Dataset')
    lidars = _by_sensor(context.laser_calibrations, waymo.LIDAR_NAMES, where)
    lidar_calibrations = {name: _lidar_calibration(item, where) for name, item in lidars.items()}
    cameras = _by_sensor(context.camera_calibrations, waymo.CAMERA_NAMES, where)
    lasers = _by_sensor(message.lasers, waymo.LIDAR_NAMES, where)
    images = _by_sensor(message.images, waymo.CAMERA_NAMES, where)
    scans = {name: check_scan(_scan(item, projections, where), lidar_calibrations.get(name), name,
                              where) for name, item in lasers.items()}
    stats = context.stats
    return waymo.WaymoFrame(
        context.name, index, message.timestamp_micros,
        rigid_pose(message.pose.transform, f'{where}: the vehicle pose'), lidar_calibrations,
        {name: _camera_calibration(item, where) for name, item in cameras.items()}, scans,
        {name: _image(item, where) for name, item in images.items()},
        read_lidar_objects(message.laser_labels, where),
        read_camera_objects(message.camera_labels, where),
        read_projected_objects(message.projected_lidar_labels, where),
        [_polygon(zone, where) for zone in message.no_label_zones],
        dict(time_of_day=stats.time_of_day, location=stats.location, weather=stats.weather))


def _by_sensor(items: object, names: tuple[str, ...], where: str) -> dict[int, Message]:
    """Messages by the number of their sensor, in rising order; files have them in any order."""
    numbered = {sensor_number(item.name, names, where): item for item in items}
    if len(numbered) != len(items):
        raise DataError(f'{where} names a sensor twice')
    return dict(sorted(numbered.items()))


def _lidar_calibration(item: Message, where: str) -> waymo.LidarCalibration:
    inclinations = np.array(item.beam_inclinations, dtype=np.float64)
    return waymo.LidarCalibration(
        rigid_pose(item.extrinsic.transform, f'{where}: the extrinsic of LiDAR {item.name}'),
        item.beam_inclination_min, item.beam_inclination_max,
        inclinations if len(inclinations) else None)


def _camera_calibration(item: Message, where: str) -> waymo.CameraCalibration:
    if len(item.intrinsic) != 9:
        raise DataError(f'{where}: camera {item.name} has {len(item.intrinsic)} intrinsic '
                        f'parameters, not 9')
    return waymo.CameraCalibration(
        np.array(item.intrinsic, dtype=np.float64),
        rigid_pose(item.extrinsic.transform, f'{where}: the extrinsic of camera {item.name}'),
        item.width, item.height, item.rolling_shutter_direction)


def _scan(item: Message, projections: bool, where: str) -> waymo.LidarScan:
    where = f'{where}: the range image of LiDAR {item.name}'
    both = [image for image in (item.ri_return1, item.ri_return2) if image.range_image_compressed]
    if not item.ri_return1.range_image_compressed:
        raise DataError(f'{where} is absent; the file is damaged')
    if item.name == waymo.TOP and not item.ri_return1.range_image_pose_compressed:
        raise DataError(f'{where} lacks its pixel poses, without which the points are displaced; '
                        f'fetch version 1.2 or later of the data set')
    returns = [read_float_matrix(image.range_image_compressed, 4, where) for image in both]
    pose = both[0].range_image_pose_compressed
    return waymo.LidarScan(
        returns, read_float_matrix(pose, 6, f'{where} (poses)') if pose else None,
        [read_int_matrix(image.camera_projection_compressed, 6, f'{where} (projections)')
         for image in both if projections])


def _image(item: Message, where: str) -> waymo.CameraImage:
    speed = item.velocity
    return waymo.CameraImage(
        item.image, rigid_pose(item.pose.transform, f'{where}: the pose of camera {item.name}'),
        np.array([speed.v_x, speed.v_y, speed.v_z, speed.w_x, speed.w_y, speed.w_z]),
        item.pose_timestamp, item.shutter, item.camera_trigger_time,
        item.camera_readout_done_time)


def _polygon(zone: Message, where: str) -> np.ndarray:
    if len(zone.x) != len(zone.y):
        raise DataError(f'{where}: a no-label zone has {len(zone.x)} x but {len(zone.y)} y')
    return np.array([zone.x, zone.y], dtype=np.float64).T
