"""Arrays as messages of sensors and of transforms, laid out as drivers do it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparse3d.recordings.message_types import message
from sparse3d.recordings.point_clouds import TYPES

TYPE_NUMBERS = {kind: number for number, kind in TYPES.items()}


def stamp_of(time: int) -> Any:
    """A time of ROS 2 from nanoseconds."""
    return message('builtin_interfaces/msg/Time', sec=time // 10 ** 9, nanosec=time % 10 ** 9)


def header(time: int, frame: str) -> Any:
    """A header."""
    return message('std_msgs/msg/Header', stamp=stamp_of(time), frame_id=frame)


def cloud_message(columns: Mapping[str, np.ndarray], time: int, frame: str,
                  padding: int = 0, big_endian: bool = False, dense: bool = True) -> Any:
    """A PointCloud2 of columns in their own types, in their order.

    Args:
        columns: (N,) each.
        padding: bytes behind each point.
        big_endian: order of bytes.
        dense: whether the cloud promises to have no NaN.
    """
    order = '>' if big_endian else '<'
    count = len(next(iter(columns.values())))
    fields, offset = [], 0
    for name, values in columns.items():
        kind = f'{values.dtype.kind}{values.dtype.itemsize}'
        fields.append(message('sensor_msgs/msg/PointField', name=name, offset=offset,
                              datatype=TYPE_NUMBERS[kind], count=1))
        offset += values.dtype.itemsize
    step = offset + padding
    data = np.zeros((count, step), np.uint8)
    for field, values in zip(fields, columns.values(), strict=True):
        raw = np.ascontiguousarray(values.astype(values.dtype.newbyteorder(order)))
        size = values.dtype.itemsize
        data[:, field.offset:field.offset + size] = raw.view(np.uint8).reshape(count, size)
    return message('sensor_msgs/msg/PointCloud2', header=header(time, frame), height=1,
                   width=count, fields=fields, is_bigendian=big_endian, point_step=step,
                   row_step=step * count, data=data.reshape(-1), is_dense=dense)


def compressed_image(jpeg: bytes, time: int, frame: str) -> Any:
    """A CompressedImage of a JPEG file."""
    return message('sensor_msgs/msg/CompressedImage', header=header(time, frame), format='jpeg',
                   data=np.frombuffer(jpeg, np.uint8))


def camera_info(matrix: np.ndarray, width: int, height: int, time: int, frame: str) -> Any:
    """The CameraInfo of a camera without distortion."""
    projection = np.zeros((3, 4))
    projection[:, :3] = matrix
    region = message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
                     do_rectify=False)
    return message('sensor_msgs/msg/CameraInfo', header=header(time, frame), height=height,
                   width=width, distortion_model='plumb_bob', d=np.zeros(5),
                   k=np.asarray(matrix, np.float64).reshape(-1), r=np.eye(3).reshape(-1),
                   p=projection.reshape(-1), binning_x=0, binning_y=0, roi=region)


def transforms(edges: Sequence[tuple[str, str, Sequence[float], Sequence[float]]],
               time: int) -> Any:
    """A TFMessage of edges: parent, child, position, quaternion w, x, y, z."""
    return message('tf2_msgs/msg/TFMessage', transforms=[
        message('geometry_msgs/msg/TransformStamped', header=header(time, parent),
                child_frame_id=child, transform=message(
                    'geometry_msgs/msg/Transform', translation=_point('Vector3', position),
                    rotation=_quaternion(turn)))
        for parent, child, position, turn in edges])


def odometry(position: Sequence[float], turn: Sequence[float], time: int, frame: str = 'odom',
             child: str = 'base_link') -> Any:
    """An Odometry without velocities."""
    zero = message('geometry_msgs/msg/TwistWithCovariance', covariance=np.zeros(36), twist=message(
        'geometry_msgs/msg/Twist', linear=_point('Vector3', (0, 0, 0)),
        angular=_point('Vector3', (0, 0, 0))))
    pose = message('geometry_msgs/msg/PoseWithCovariance', covariance=np.zeros(36), pose=message(
        'geometry_msgs/msg/Pose', position=_point('Point', position),
        orientation=_quaternion(turn)))
    return message('nav_msgs/msg/Odometry', header=header(time, frame), child_frame_id=child,
                   pose=pose, twist=zero)


def _point(kind: str, values: Sequence[float]) -> Any:
    x, y, z = map(float, values)
    return message(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)


def _quaternion(turn: Sequence[float]) -> Any:
    w, x, y, z = map(float, turn)
    return message('geometry_msgs/msg/Quaternion', w=w, x=x, y=y, z=z)
