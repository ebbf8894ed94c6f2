"""Waymo v2: frames from the Parquet tables of one segment."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.prepare.parquet_tables import TIME, FrameRows, ParquetTable
from sparse3d.datasets.waymo.prepare.plausible import (
    check_scan,
    image_array,
    rigid_pose,
    sensor_number,
)
from sparse3d.datasets.waymo.prepare.read_v2_labels import LabelTables
from sparse3d.errors import DataError

_LASER, _CAMERA = 'key.laser_name', 'key.camera_name'
_IMAGES = tuple(f'range_image_return{number}.{part}'
                for number in (1, 2) for part in ('values', 'shape'))
_INTRINSIC = ('f_u', 'f_v', 'c_u', 'c_v', 'k1', 'k2', 'p1', 'p2', 'k3')
_VELOCITY = tuple(f'velocity.{kind}_velocity.{axis}' for kind in ('linear', 'angular')
                  for axis in 'xyz')
_SHUTTER = 'rolling_shutter_params.'
_IMAGE_TIMES = ('pose_timestamp', f'{_SHUTTER}shutter', f'{_SHUTTER}camera_trigger_time',
                f'{_SHUTTER}camera_readout_done_time')


def read_v2(folder: str | os.PathLike, context: str,
            projections: bool = False) -> Iterator[waymo.WaymoFrame]:
    """Yield the frames of one segment in the order of time.

    Only ``vehicle_pose`` is needed; what other components lack is absent from the frames.

    Args:
        folder: split folder with one folder per component.
        context: name of the segment.
        projections: also read the camera projection of every pixel.

    Raises:
        DataError: naming the file, if it is damaged or components do not fit each other.
    """
    segment = _Segment(Path(folder), context, projections)
    for index, timestamp in enumerate(sorted(segment.poses)):
        yield segment.frame(index, timestamp)


class _Segment:
    """The open tables of one segment."""

    def __init__(self, folder: Path, context: str, projections: bool) -> None:
        self.folder, self.context = folder, context
        self.poses = self._poses()
        self.lidar_calibrations = self._calibrations(
            'lidar_calibration', '[LiDARCalibrationComponent].', _LASER, waymo.LIDAR_NAMES,
            ('extrinsic.transform', 'beam_inclination.min', 'beam_inclination.max',
             'beam_inclination.values'), _lidar_calibration)
        self.camera_calibrations = self._calibrations(
            'camera_calibration', '[CameraCalibrationComponent].', _CAMERA, waymo.CAMERA_NAMES,
            (*(f'intrinsic.{name}' for name in _INTRINSIC), 'extrinsic.transform', 'width',
             'height', 'rolling_shutter_direction'), _camera_calibration)
        self.lidar = self._stream('lidar', '[LiDARComponent].', _LASER, _IMAGES)
        self.pixel_poses = self._stream('lidar_pose', '[LiDARPoseComponent].', _LASER, _IMAGES[:2])
        self.projections = self._stream(
            'lidar_camera_projection', '[LiDARCameraProjectionComponent].', _LASER,
            _IMAGES) if projections else None
        self.images = self._stream(
            'camera_image', '[CameraImageComponent].', _CAMERA,
            ('image', 'pose.transform', *_VELOCITY, *_IMAGE_TIMES))
        self.labels = LabelTables(folder, context, set(self.poses))
        self.stats = self._stats()

    def frame(self, index: int, timestamp: int) -> waymo.WaymoFrame:
        """Read one frame; frames have to be asked for in the order of time."""
        images = self._take(self.images, timestamp, _CAMERA, waymo.CAMERA_NAMES)
        return waymo.WaymoFrame(
            self.context, index, timestamp, self.poses[timestamp], self.lidar_calibrations,
            self.camera_calibrations, self._scans(timestamp),
            {name: _image(row, f'{self.images.path}, camera {name} at {timestamp}')
             for name, row in images.items()},
            self.labels.lidar_objects(timestamp), self.labels.camera_objects(timestamp),
            self.labels.projected_objects(timestamp), None, self.stats.get(timestamp, {}))

    def _scans(self, timestamp: int) -> dict[int, waymo.LidarScan]:
        lidar, poses, projections = (
            self._take(stream, timestamp, _LASER, waymo.LIDAR_NAMES)
            for stream in (self.lidar, self.pixel_poses, self.projections))
        scans = {}
        for name, row in lidar.items():
            where = f'{self.lidar.path}, LiDAR {name} at {timestamp}'
            if name == waymo.TOP and name not in poses:
                raise DataError(f'{where}: component lidar_pose lacks its pixel poses, without '
                                f'which the points are displaced; fetch it')
            pose = _array(poses[name], 1, 6, f'{self.pixel_poses.path}') if name in poses else None
            scan = waymo.LidarScan(
                [_array(row, number, 4, where) for number in (1, 2)
                 if number == 1 or _is_there(row, number)], pose,
                [_array(projections[name], number, 6, str(self.projections.path)).astype(np.int32)
                 for number in (1, 2) if name in projections
                 and (number == 1 or _is_there(projections[name], number))])
            scans[name] = check_scan(scan, self.lidar_calibrations.get(name), name, where)
        return scans

    def _take(self, stream: FrameRows | None, timestamp: int, key: str,
              names: tuple[str, ...]) -> dict[int, dict[str, Any]]:
        rows = stream.take(timestamp) if stream else []
        return _by_sensor(rows, key, names, str(stream.path)) if rows else {}

    def _file(self, tag: str) -> Path:
        return self.folder / tag / f'{self.context}.parquet'

    def _poses(self) -> dict[int, np.ndarray]:
        path = self._file('vehicle_pose')
        rows = ParquetTable(path, '[VehiclePoseComponent].', (),
                            ('world_from_vehicle.transform',)).rows()
        poses = {row[TIME]: rigid_pose(row['world_from_vehicle.transform'],
                                       f'{path}: the pose at {row[TIME]}') for row in rows}
        if not rows or None in poses or len(poses) != len(rows):
            raise DataError(f'{path} has no rows or two for the same time')
        return poses

    def _calibrations(self, tag: str, prefix: str, key: str, names: tuple[str, ...],
                      columns: tuple[str, ...], convert: Callable) -> dict[int, Any]:
        path = self._file(tag)
        if not (self.folder / tag).is_dir():
            return {}
        rows = ParquetTable(path, prefix, (key,), columns, timed=False).rows()
        return {name: convert(row, f'{path}, sensor {name}')
                for name, row in _by_sensor(rows, key, names, str(path)).items()}

    def _stream(self, tag: str, prefix: str, key: str,
                columns: tuple[str, ...]) -> FrameRows | None:
        if not (self.folder / tag).is_dir():
            return None
        stream = FrameRows(ParquetTable(self._file(tag), prefix, (key,), columns))
        if stream.times() - set(self.poses):
            raise DataError(f'{stream.path} has rows at times that vehicle_pose lacks')
        return stream

    def _stats(self) -> dict[int, dict[str, str]]:
        names = ('time_of_day', 'location', 'weather')
        if not self._file('stats').is_file():
            return {}
        rows = ParquetTable(self._file('stats'), '[StatsComponent].', (), names).rows()
        return {row[TIME]: {name: row[name] or '' for name in names} for row in rows}


def _by_sensor(rows: list[dict[str, Any]], key: str, names: tuple[str, ...],
               where: str) -> dict[int, dict[str, Any]]:
    numbered = {sensor_number(row[key], names, where): row for row in rows}
    if len(numbered) != len(rows):
        raise DataError(f'{where} has two rows for the same sensor and time')
    return dict(sorted(numbered.items()))


def _is_there(row: dict[str, Any], number: int) -> bool:
    """Whether a row has a return; files of one return leave the second empty."""
    values = row[f'range_image_return{number}.values']
    return values is not None and len(values) > 0


def _array(row: dict[str, Any], number: int, channels: int, where: str) -> np.ndarray:
    name = f'range_image_return{number}'
    return image_array(row[f'{name}.values'], row[f'{name}.shape'], channels, f'{where}: {name}')


def _lidar_calibration(row: dict[str, Any], where: str) -> waymo.LidarCalibration:
    inclinations = row['beam_inclination.values']
    return waymo.LidarCalibration(
        rigid_pose(row['extrinsic.transform'], f'{where}: the extrinsic'),
        row['beam_inclination.min'], row['beam_inclination.max'],
        np.array(inclinations, dtype=np.float64) if inclinations else None)


def _camera_calibration(row: dict[str, Any], where: str) -> waymo.CameraCalibration:
    return waymo.CameraCalibration(
        np.array([row[f'intrinsic.{name}'] for name in _INTRINSIC], dtype=np.float64),
        rigid_pose(row['extrinsic.transform'], f'{where}: the extrinsic'),
        row['width'], row['height'], row['rolling_shutter_direction'])


def _image(row: dict[str, Any], where: str) -> waymo.CameraImage:
    return waymo.CameraImage(
        row['image'], rigid_pose(row['pose.transform'], f'{where}: the pose'),
        np.array([row[name] for name in _VELOCITY], dtype=np.float64),
        *(row[name] for name in _IMAGE_TIMES))
