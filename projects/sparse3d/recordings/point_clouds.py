"""PointCloud2 to columns, by the offsets and types that the message declares.

Source: sensor_msgs/msg/PointCloud2 and PointField of ROS 2.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown

TYPES = {1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 8: 'f8'}
TIME_NAMES = ('t', 'time', 'timestamp', 'time_stamp', 'offset_time', 'time_offset', 'timeoffset',
              'point_time_offset', 'time_ns', 'stamp')
MAX_SWEEP = 2.0  # seconds that the points of one cloud lie apart at most


def cloud_columns(cloud: Any) -> dict[str, np.ndarray]:
    """The fields of a cloud by name, (N,) each in the type that it has.

    Any order of fields, gaps between them, padding of points and rows, and both orders of bytes
    are taken. Of a field with several numbers the first is taken.

    Args:
        cloud: a PointCloud2 of ROS 2 or of rosbags.

    Raises:
        DataError: if the message contradicts itself.
    """
    height, width = int(cloud.height), int(cloud.width)
    step, row = int(cloud.point_step), int(cloud.row_step)
    data = np.frombuffer(memoryview(cloud.data).cast('B'), np.uint8) if not isinstance(
        cloud.data, np.ndarray) else cloud.data.view(np.uint8)
    if not height or not width:
        return {shown(field.name): np.zeros(0, np.float32) for field in cloud.fields}
    row = row if height > 1 else max(row, width * step)
    if step < 1 or row < width * step:
        raise DataError(f'a row of {width} points of {step} bytes is declared with {row} bytes')
    needed = (height - 1) * row + width * step
    if len(data) < needed:
        raise DataError(f'{height} x {width} points of {step} bytes need {needed} bytes, and the '
                        f'cloud has {len(data)}')
    points = np.lib.stride_tricks.as_strided(
        data[:needed], (height, width, step), (row, step, 1), writeable=False)
    return {shown(field.name): _column(points, field, bool(cloud.is_bigendian))
            for field in cloud.fields}


def _column(points: np.ndarray, field: Any, big_endian: bool) -> np.ndarray:
    """One field of points (H, W, bytes) as (H * W,)."""
    if field.datatype not in TYPES:
        raise DataError(f'the field {field.name!r} has the type {field.datatype}; PointField '
                        f'knows 1 to 8')
    kind = np.dtype(('>' if big_endian else '<') + TYPES[field.datatype])
    end = field.offset + kind.itemsize
    if end > points.shape[2]:
        raise DataError(f'the field {field.name!r} ends at byte {end} of points of '
                        f'{points.shape[2]} bytes')
    found = np.ascontiguousarray(points[:, :, field.offset:end]).reshape(-1).view(kind)
    return found.astype(kind.newbyteorder('='))


def without_times(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns but those that say when each point was measured."""
    return {name: values for name, values in columns.items()
            if name.strip().lower() not in TIME_NAMES}


def point_times(columns: dict[str, np.ndarray], stamp: int) -> np.ndarray | None:
    """Seconds of each point after the stamp of its cloud; None if the cloud does not say.

    Drivers write seconds (float) or nanoseconds (whole numbers), since the stamp or since 1970;
    which of them is told by the numbers.

    Args:
        columns: of :func:`cloud_columns`.
        stamp: of the cloud in nanoseconds.
    """
    by_name = {name.strip().lower(): values for name, values in columns.items()}
    values = next((by_name[name] for name in TIME_NAMES if name in by_name), None)
    if values is None or not len(values):
        return None
    for times in _readings(values, stamp):
        spread = np.ptp(times[np.isfinite(times)]) if np.isfinite(times).any() else np.inf
        if 1e-4 < spread <= MAX_SWEEP and np.nanmax(np.abs(times)) <= MAX_SWEEP:
            return times
    return None


def _readings(values: np.ndarray, stamp: int) -> list[np.ndarray]:
    """What a column of times may mean, in seconds since the stamp, the likeliest first."""
    if values.dtype.kind in 'iu':
        since_1970 = (values.astype(np.int64) - stamp) * 1e-9
        return [values.astype(np.float64) * scale for scale in (1e-9, 1e-6)] + [since_1970]
    seconds = values.astype(np.float64)
    return [seconds, seconds - stamp * 1e-9, seconds * 1e-9, (seconds - stamp) * 1e-9]
