"""Small recordings, message by message, and a detector that needs no model."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from sparse3d.structures.detections import Detections
from sparse3d.transforms.given_arrays import EarlierSweeps

START = 1_700_000_000 * 10 ** 9
POINT = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('intensity', '<f4')])
NUMBERS = {'i1': 1, 'u1': 2, 'i2': 3, 'u2': 4, 'i4': 5, 'u4': 6, 'f4': 7, 'f8': 8}


def message(name, /, **fields):
    from sparse3d.recordings.message_types import type_store
    return type_store().types[name](**fields)


def at(seconds: float) -> int:
    """Nanoseconds of a time of the drive."""
    return START + round(seconds * 1e9)


def header(seconds: float, frame: str):
    time = at(seconds)
    stamp = message('builtin_interfaces/msg/Time', sec=time // 10 ** 9, nanosec=time % 10 ** 9)
    return message('std_msgs/msg/Header', stamp=stamp, frame_id=frame)


def cloud(points, seconds: float = 0.0, frame: str = 'lidar', **changes):
    """A PointCloud2 of a structured array (H, W) or (N,), or of rows x, y, z, intensity."""
    points = np.asarray(points)
    if not points.dtype.names:
        rows = np.zeros(len(points), POINT)
        for column, name in enumerate(POINT.names[:points.shape[1]] if points.ndim == 2 else ()):
            rows[name] = points[:, column]
        points = rows
    points = np.atleast_2d(points)
    fields = [message('sensor_msgs/msg/PointField', name=name, offset=offset, count=1,
                      datatype=NUMBERS[kind.str[1:]])
              for name, (kind, offset) in points.dtype.fields.items()]
    order = {kind.str[0] for kind, _ in points.dtype.fields.values()} - {'|'}
    step = points.dtype.itemsize
    return message('sensor_msgs/msg/PointCloud2', **{**dict(
        header=header(seconds, frame), height=points.shape[0], width=points.shape[1],
        fields=fields, is_bigendian=order == {'>'}, point_step=step,
        row_step=step * points.shape[1], data=np.frombuffer(points.tobytes(), np.uint8),
        is_dense=True), **changes})


def transform(parent: str, child: str, position=(0, 0, 0), yaw: float = 0.0,
              seconds: float = 0.0):
    x, y, z = map(float, position)
    turn = message('geometry_msgs/msg/Quaternion', x=0.0, y=0.0, z=float(np.sin(yaw / 2)),
                   w=float(np.cos(yaw / 2)))
    return message('tf2_msgs/msg/TFMessage', transforms=[message(
        'geometry_msgs/msg/TransformStamped', header=header(seconds, parent),
        child_frame_id=child, transform=message(
            'geometry_msgs/msg/Transform', rotation=turn,
            translation=message('geometry_msgs/msg/Vector3', x=x, y=y, z=z)))])


class Drive:
    """Messages of a drive, written as an MCAP file."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, object, int]] = []
        self.foreign: list[tuple[str, str, str, bytes, int]] = []

    def add(self, topic: str, made, seconds: float) -> Drive:
        """A message that was recorded at that time."""
        self.messages.append((topic, made, at(seconds)))
        return self

    def add_foreign(self, topic: str, schema: str, encoding: str, data: bytes, seconds: float,
                    ) -> Drive:
        """A message that nobody here knows."""
        self.foreign.append((topic, schema, encoding, data, at(seconds)))
        return self

    def write(self, path: Path, compression: str = 'ZSTD', chunk_size: int = 1000) -> Path:
        from mcap.writer import CompressionType, Writer

        from sparse3d.recordings.message_types import type_store
        store = type_store()
        with open(path, 'wb') as stream:
            writer = Writer(stream, chunk_size=chunk_size,
                            compression=CompressionType[compression])
            writer.start(profile='ros2', library='test')
            channels: dict = {}
            entries = [(topic, made.__msgtype__, 'cdr', made, time)
                       for topic, made, time in self.messages] + self.foreign
            for topic, kind, encoding, content, time in sorted(entries, key=lambda one: one[4]):
                if (topic, kind) not in channels:
                    text, shape = b'', 'ros2msg'
                    if encoding == 'cdr' and kind in store.fielddefs:
                        text = store.generate_msgdef(kind, ros_version=2)[0].encode()
                    elif encoding != 'cdr':
                        shape = encoding
                    schema = writer.register_schema(kind, shape, text)
                    channels[topic, kind] = writer.register_channel(topic, encoding, schema)
                data = content if isinstance(content, bytes) else bytes(
                    store.serialize_cdr(content, kind))
                writer.add_message(channels[topic, kind], time, data, time)
            writer.finish()
        return path


def simple_drive(moments: int = 5, frame: str = 'lidar', topic: str = '/lidar/points') -> Drive:
    """A car that drives 10 m/s along x of ``odom`` and sees one point that stands still."""
    drive = Drive()
    drive.add('/tf_static', transform('base_link', frame, (1, 0, 2)), 0.0)
    for step in range(-5, moments * 10 + 5):
        drive.add('/tf', transform('odom', 'base_link', (step * .1, 0, 0), seconds=step / 100),
                  max(step / 100, 0) + .001)
    for number in range(moments):
        seconds = number / 10
        rows = np.array([[20 - seconds * 10, 3, 0, 7], [0.1, 0.1, 0, 1]])
        drive.add(topic, cloud(rows, seconds, frame), seconds + .02)
    return drive


class FakeDetector:
    """Says that there is a box at the mean of the points, or where a camera delivered something."""

    def __init__(self, columns=('x', 'y', 'z', 'intensity'), cameras=(), sweeps: int = 0,
                 frames: int = 1, kind: str = 'past') -> None:
        self.samples = SimpleNamespace(
            names=tuple(columns), columns=len(columns), cameras=tuple(cameras), frames=frames,
            frame_kind=kind, sweeps=EarlierSweeps(sweeps, 1.0 if sweeps else 0.0))
        self.calls: list[tuple] = []

    def __call__(self, points=None, images=None, calibration=None, score_threshold=0.0):
        self.calls.append((points, images, calibration))
        center = np.zeros(3) if points is None else points[:, :3].mean(axis=0)
        boxes = np.array([[*center, 4, 2, 1.5, .3, 1, 0]])
        return Detections(boxes, np.array([.9]), np.array([0]), ('car', 'truck'))
