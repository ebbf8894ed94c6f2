"""The protobuf messages of Waymo v1 files, described in the few fields that are needed.

The classes are built when this module is imported; there is no generated code. Fields
that are not listed are skipped by the parser. Arrays of numbers (``MatrixFloat.data``,
``MatrixInt32.data``) are packed on the wire and declared as ``bytes`` here, so that
numpy decodes them in one step.

Source: ``dataset.proto``, ``label.proto`` and ``keypoint.proto`` of the Waymo Open Dataset.
"""
from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = 'sparse3d.waymo'
_SCALARS = dict(
    double=descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    float=descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    int32=descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    int64=descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    bool=descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    string=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    bytes=descriptor_pb2.FieldDescriptorProto.TYPE_BYTES)

# message: (number, type, name); a type in brackets is repeated.
_MESSAGES = {
    'Transform': [(1, '[double]', 'transform')],
    'Vector2d': [(1, 'double', 'x'), (2, 'double', 'y')],
    'Vector3d': [(1, 'double', 'x'), (2, 'double', 'y'), (3, 'double', 'z')],
    'Polygon2dProto': [(1, '[double]', 'x'), (2, '[double]', 'y'), (3, 'string', 'id')],
    'MatrixShape': [(1, '[int32]', 'dims')],
    'MatrixFloat': [(1, '[bytes]', 'data'), (2, 'MatrixShape', 'shape')],
    'MatrixInt32': [(1, '[bytes]', 'data'), (2, 'MatrixShape', 'shape')],
    'ObjectCount': [(1, 'int32', 'type'), (2, 'int32', 'count')],
    'Stats': [
        (1, '[ObjectCount]', 'laser_object_counts'), (2, 'string', 'time_of_day'),
        (3, 'string', 'location'), (4, 'string', 'weather'),
        (5, '[ObjectCount]', 'camera_object_counts')],
    'CameraCalibration': [
        (1, 'int32', 'name'), (2, '[double]', 'intrinsic'), (3, 'Transform', 'extrinsic'),
        (4, 'int32', 'width'), (5, 'int32', 'height'),
        (6, 'int32', 'rolling_shutter_direction')],
    'LaserCalibration': [
        (1, 'int32', 'name'), (2, '[double]', 'beam_inclinations'),
        (3, 'double', 'beam_inclination_min'), (4, 'double', 'beam_inclination_max'),
        (5, 'Transform', 'extrinsic')],
    'Context': [
        (1, 'string', 'name'), (2, '[CameraCalibration]', 'camera_calibrations'),
        (3, '[LaserCalibration]', 'laser_calibrations'), (4, 'Stats', 'stats')],
    'RangeImage': [
        (2, 'bytes', 'range_image_compressed'), (3, 'bytes', 'camera_projection_compressed'),
        (4, 'bytes', 'range_image_pose_compressed')],
    'Laser': [(1, 'int32', 'name'), (2, 'RangeImage', 'ri_return1'),
              (3, 'RangeImage', 'ri_return2')],
    'Velocity': [
        (1, 'float', 'v_x'), (2, 'float', 'v_y'), (3, 'float', 'v_z'),
        (4, 'double', 'w_x'), (5, 'double', 'w_y'), (6, 'double', 'w_z')],
    'CameraImage': [
        (1, 'int32', 'name'), (2, 'bytes', 'image'), (3, 'Transform', 'pose'),
        (4, 'Velocity', 'velocity'), (5, 'double', 'pose_timestamp'), (6, 'double', 'shutter'),
        (7, 'double', 'camera_trigger_time'), (8, 'double', 'camera_readout_done_time')],
    'Box': [
        (1, 'double', 'center_x'), (2, 'double', 'center_y'), (3, 'double', 'center_z'),
        (4, 'double', 'width'), (5, 'double', 'length'), (6, 'double', 'height'),
        (7, 'double', 'heading')],
    'Metadata': [
        (1, 'double', 'speed_x'), (2, 'double', 'speed_y'), (3, 'double', 'accel_x'),
        (4, 'double', 'accel_y'), (5, 'double', 'speed_z'), (6, 'double', 'accel_z')],
    'Association': [(1, 'string', 'laser_object_id')],
    'KeypointVisibility': [(1, 'bool', 'is_occluded')],
    'Keypoint2d': [(1, 'Vector2d', 'location_px'), (2, 'KeypointVisibility', 'visibility')],
    'Keypoint3d': [(1, 'Vector3d', 'location_m'), (2, 'KeypointVisibility', 'visibility')],
    'LaserKeypoint': [(1, 'int32', 'type'), (2, 'Keypoint3d', 'keypoint_3d')],
    'LaserKeypoints': [(1, '[LaserKeypoint]', 'keypoint')],
    'CameraKeypoint': [(1, 'int32', 'type'), (2, 'Keypoint2d', 'keypoint_2d'),
                       (3, 'Keypoint3d', 'keypoint_3d')],
    'CameraKeypoints': [(1, '[CameraKeypoint]', 'keypoint')],
    'Label': [
        (1, 'Box', 'box'), (2, 'Metadata', 'metadata'), (3, 'int32', 'type'), (4, 'string', 'id'),
        (5, 'int32', 'detection_difficulty_level'), (6, 'int32', 'tracking_difficulty_level'),
        (7, 'int32', 'num_lidar_points_in_box'), (8, 'LaserKeypoints', 'laser_keypoints'),
        (9, 'CameraKeypoints', 'camera_keypoints'), (10, 'Association', 'association'),
        (11, 'string', 'most_visible_camera_name'), (12, 'Box', 'camera_synced_box'),
        (13, 'int32', 'num_top_lidar_points_in_box')],
    'CameraLabels': [(1, 'int32', 'name'), (2, '[Label]', 'labels')],
    'Frame': [
        (1, 'Context', 'context'), (2, 'int64', 'timestamp_micros'), (3, 'Transform', 'pose'),
        (4, '[CameraImage]', 'images'), (5, '[Laser]', 'lasers'), (6, '[Label]', 'laser_labels'),
        (7, '[Polygon2dProto]', 'no_label_zones'), (8, '[CameraLabels]', 'camera_labels'),
        (9, '[CameraLabels]', 'projected_lidar_labels')],
}


def _build_classes() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(
        name='sparse3d/waymo.proto', package=_PACKAGE, syntax='proto2')
    for message, fields in _MESSAGES.items():
        description = file.message_type.add(name=message)
        for number, kind, name in fields:
            _add_field(description, number, kind, name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {message: message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f'{_PACKAGE}.{message}')) for message in _MESSAGES}


def _add_field(message: descriptor_pb2.DescriptorProto, number: int, kind: str, name: str) -> None:
    field = message.field.add(name=name, number=number)
    repeated = kind.startswith('[')
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    kind = kind.strip('[]')
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f'.{_PACKAGE}.{kind}'


MESSAGES = _build_classes()
Frame = MESSAGES['Frame']
MatrixFloat = MESSAGES['MatrixFloat']
MatrixInt32 = MESSAGES['MatrixInt32']
