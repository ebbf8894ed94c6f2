"""Columns of the Parquet tables of Waymo v2 that a simulation fills, with their types.

Source: class definitions of the Waymo Open Dataset v2 (``v2/perception``).
"""
from __future__ import annotations

import pyarrow as pa

SEGMENT, TIME = 'key.segment_context_name', 'key.frame_timestamp_micros'
LASER, CAMERA = 'key.laser_name', 'key.camera_name'
LASER_OBJECT, CAMERA_OBJECT = 'key.laser_object_id', 'key.camera_object_id'
_KEYS = {SEGMENT: pa.string(), TIME: pa.int64(), LASER: pa.int8(), CAMERA: pa.int8(),
         LASER_OBJECT: pa.string(), CAMERA_OBJECT: pa.string()}
_NUMBER, _SMALL = pa.float64(), pa.int8()
_POSE = {'transform': pa.list_(_NUMBER, 16)}
_DIFFICULTY = {'difficulty_level.detection': _SMALL, 'difficulty_level.tracking': _SMALL}


def _named(prefix: str, names: str | tuple[str, ...], kind: pa.DataType = _NUMBER) -> dict:
    return {f'{prefix}.{name}': kind for name in names}


def _box_3d(prefix: str) -> dict:
    return {**_named(f'{prefix}.center', 'xyz'), **_named(f'{prefix}.size', 'xyz'),
            f'{prefix}.heading': _NUMBER}


def _box_2d() -> dict:
    return {**_named('box.center', 'xy'), **_named('box.size', 'xy')}


def _images(count: int) -> dict:
    return {f'range_image_return{number}.{part}': kind for number in range(1, count + 1)
            for part, kind in (('values', pa.list_(pa.float32())),
                               ('shape', pa.list_(pa.int32(), 3)))}


def _joints(dimensions: int) -> dict:
    numbers, hidden = pa.list_(_NUMBER), 'visibility.is_occluded'
    in_pixels = {**_named('keypoint_2d.location_px', 'xy', numbers),
                 f'keypoint_2d.{hidden}': pa.list_(pa.bool_())}
    return {'type': pa.list_(_SMALL), **(in_pixels if dimensions == 2 else {}),
            **_named('keypoint_3d.location_m', 'xyz', numbers),
            f'keypoint_3d.{hidden}': pa.list_(pa.bool_())}


# tag: (class, keys beside the segment, columns); the 3D places of camera keypoints stay empty.
COMPONENTS: dict[str, tuple[str, tuple[str, ...], dict[str, pa.DataType]]] = {
    'vehicle_pose': ('VehiclePose', (TIME,), {
        f'world_from_vehicle.{name}': kind for name, kind in _POSE.items()}),
    'lidar': ('LiDAR', (TIME, LASER), _images(2)),
    'lidar_pose': ('LiDARPose', (TIME, LASER), _images(1)),
    'lidar_camera_projection': ('LiDARCameraProjection', (TIME, LASER), _images(2)),
    'lidar_calibration': ('LiDARCalibration', (LASER,), {
        'extrinsic.transform': pa.list_(_NUMBER, 16), 'beam_inclination.min': _NUMBER,
        'beam_inclination.max': _NUMBER, 'beam_inclination.values': pa.list_(_NUMBER)}),
    'lidar_box': ('LiDARBox', (TIME, LASER_OBJECT), {
        **_box_3d('box'), 'type': _SMALL, 'num_lidar_points_in_box': pa.int64(),
        'num_top_lidar_points_in_box': pa.int64(), **_named('speed', 'xyz'),
        **_named('acceleration', 'xyz'), **_DIFFICULTY}),
    'lidar_camera_synced_box': ('LiDARCameraSyncedBox', (TIME, LASER_OBJECT), {
        'most_visible_camera_name': _SMALL, **_box_3d('camera_synced_box')}),
    'lidar_hkp': ('LiDARHumanKeypoints', (TIME, LASER_OBJECT), {
        f'lidar_keypoints[*].{name}': kind for name, kind in _joints(3).items()}),
    'camera_calibration': ('CameraCalibration', (CAMERA,), {
        **_named('intrinsic', ('f_u', 'f_v', 'c_u', 'c_v', 'k1', 'k2', 'p1', 'p2', 'k3')),
        'extrinsic.transform': pa.list_(_NUMBER, 16), 'width': pa.int32(), 'height': pa.int32(),
        'rolling_shutter_direction': _SMALL}),
    'camera_image': ('CameraImage', (TIME, CAMERA), {
        'image': pa.binary(), 'pose.transform': pa.list_(_NUMBER, 16),
        **_named('velocity.linear_velocity', 'xyz', pa.float32()),
        **_named('velocity.angular_velocity', 'xyz'), 'pose_timestamp': _NUMBER,
        **_named('rolling_shutter_params',
                 ('shutter', 'camera_trigger_time', 'camera_readout_done_time'))}),
    'camera_box': ('CameraBox', (TIME, CAMERA, CAMERA_OBJECT), {
        **_box_2d(), 'type': _SMALL, **_DIFFICULTY}),
    'camera_hkp': ('CameraHumanKeypoints', (TIME, CAMERA, CAMERA_OBJECT), {
        f'camera_keypoints[*].{name}': kind for name, kind in _joints(2).items()}),
    'camera_to_lidar_box_association': (
        'CameraToLiDARBoxAssociation', (TIME, CAMERA, CAMERA_OBJECT, LASER_OBJECT), {}),
    'projected_lidar_box': ('ProjectedLiDARBox', (TIME, CAMERA, LASER_OBJECT), {
        **_box_2d(), 'type': _SMALL}),
    'stats': ('Stats', (TIME,), {
        'time_of_day': pa.string(), 'location': pa.string(), 'weather': pa.string(),
        **{f'{sensor}_object_counts.{part}': pa.list_(kind) for sensor in ('lidar', 'camera')
           for part, kind in (('types', _SMALL), ('counts', pa.int32()))}}),
}


def schema(tag: str) -> pa.Schema:
    """Schema of a component's table."""
    name, keys, columns = COMPONENTS[tag]
    fields = [(SEGMENT, _KEYS[SEGMENT]), *((key, _KEYS[key]) for key in keys),
              *((f'[{name}Component].{column}', kind) for column, kind in columns.items())]
    return pa.schema(fields)
