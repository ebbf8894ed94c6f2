"""Checks shared by the readers of both Waymo formats: what cannot be is damage."""
from __future__ import annotations

import numpy as np

from sparse3d.datasets.waymo.frame import LidarCalibration, LidarScan
from sparse3d.errors import DataError

_LARGEST_IMAGE = 8192        # rows or columns of a range image
_FARTHEST = 1e8              # meters in the global frame
_FARTHEST_BOX = 1000.0       # meters from the vehicle; LiDARs see 75
_LONGEST = 500.0             # meters; a long train, or a number of millimeters
_MAX_YAW = 7.0               # radians; 2 pi and a little


def rigid_pose(numbers: object, where: str) -> np.ndarray:
    """A (4, 4) float64 pose from 16 numbers, row-major.

    Raises:
        DataError: if these are not a rotation and a translation.
    """
    pose = np.asarray(numbers if numbers is not None else [], dtype=np.float64).ravel()
    if pose.size != 16:
        raise DataError(f'{where} has {pose.size} numbers, not the 16 of a pose')
    pose = pose.reshape(4, 4)
    rotation = pose[:3, :3]
    rigid = (np.isfinite(pose).all() and np.abs(pose).max() < _FARTHEST
             and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
             and np.linalg.det(rotation) > 0 and np.allclose(pose[3], (0, 0, 0, 1)))
    if not rigid:
        raise DataError(f'{where} is not a pose; the file is damaged')
    return pose


def image_array(values: np.ndarray, shape: object, channels: int, where: str) -> np.ndarray:
    """Values of an image stored flat, as (H, W, channels).

    Raises:
        DataError: if the shape does not fit the values or a value is not finite.
    """
    shape = [int(size) for size in ([] if shape is None else shape)]
    if (len(shape) != 3 or shape[2] != channels or not 0 < shape[0] <= _LARGEST_IMAGE
            or not 0 < shape[1] <= _LARGEST_IMAGE):
        raise DataError(f'{where} has the shape {shape}, not (rows, columns, {channels})')
    if values.size != shape[0] * shape[1] * channels:
        raise DataError(f'{where} has {values.size} values for the shape {shape}')
    if not np.isfinite(values).all():
        raise DataError(f'{where} holds a value that is NaN or infinite; the file is damaged')
    return values.reshape(shape)


def check_scan(scan: LidarScan, calibration: LidarCalibration | None, lidar: int,
               where: str) -> LidarScan:
    """Raise :class:`DataError` unless all images of a scan fit each other and the calibration."""
    if calibration is None:
        raise DataError(f'{where} has range images of LiDAR {lidar} but not its calibration')
    poses = [] if scan.pixel_pose is None else [scan.pixel_pose]
    sizes = {image.shape[:2] for image in [*scan.returns, *scan.projections, *poses]}
    if len(sizes) != 1:
        raise DataError(f'{where}: the images of LiDAR {lidar} have different sizes {sizes}')
    height = next(iter(sizes))[0]
    if calibration.inclinations is not None and len(calibration.inclinations) != height:
        raise DataError(f'{where}: LiDAR {lidar} has {height} rows but '
                        f'{len(calibration.inclinations)} inclinations')
    if poses and np.abs(scan.pixel_pose).max() > _FARTHEST:
        raise DataError(f'{where}: a pixel pose of LiDAR {lidar} cannot be; the file is damaged')
    if max(image[..., 0].max() for image in scan.returns) > 1000:
        raise DataError(f'{where}: LiDAR {lidar} has a range above 1000 m; the file is damaged')
    return scan


def finite_rows(array: np.ndarray, what: str, where: str, largest: float = _FARTHEST) -> np.ndarray:
    """The array itself, or a :class:`DataError` if a number in it cannot be."""
    if array.size and not (np.abs(array) <= largest).all():   # NaN compares false
        raise DataError(f'{where}: {what} holds a number that cannot be; the file is damaged')
    return array


def sensor_number(value: object, names: tuple[str, ...], where: str) -> int:
    """Number of a sensor written as a number or by its name.

    Raises:
        DataError: if it is neither.
    """
    if isinstance(value, str) and value in names[1:]:
        return names.index(value)
    if isinstance(value, int | np.integer) and 0 < value < len(names):
        return int(value)
    raise DataError(f'{where} names the sensor {value!r}; known are {", ".join(names[1:])}')


def plausible_boxes(boxes: np.ndarray, where: str) -> np.ndarray:
    """Boxes (N, 7) as Waymo has them, or a :class:`DataError` naming what one of them cannot be.

    Args:
        boxes: x, y, z of the center, length, width, height, heading; vehicle frame.
        where: file and record, for the sentence.
    """
    finite_rows(boxes, 'a 3D box', where)
    for row, box in enumerate(boxes):
        size = ' x '.join(f'{number:g}' for number in box[3:6])
        if box[3:6].min() <= 0 or box[3:6].max() > _LONGEST:
            raise DataError(f'{where}: the 3D box {row} has a size of {size}, which are no meters')
        if np.abs(box[:3]).max() > _FARTHEST_BOX:
            raise DataError(f'{where}: the 3D box {row} lies at {box[0]:.0f}, {box[1]:.0f}, '
                            f'{box[2]:.0f}; boxes are in the frame of the vehicle, not of the map')
        if abs(box[6]) > _MAX_YAW:
            raise DataError(f'{where}: the 3D box {row} has a heading of {box[6]:g}, which is in '
                            f'degrees; radians are needed')
    return boxes
