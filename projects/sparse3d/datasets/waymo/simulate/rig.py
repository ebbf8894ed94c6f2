"""The sensors of a Waymo car: five LiDARs that give range images, five cameras.

Vehicle frame: on the ground, x forward, y left, z up. A camera's own frame is x forward,
y left, z up as well. Side cameras are less high than the others.

Source: Sun et al., Scalability in Perception for Autonomous Driving (CVPR 2020), tables 2 and
3: fields of view, ranges and picture sizes; positions rounded.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.waymo.frame import TOP, CameraCalibration, LidarCalibration
from sparse3d.simulate.camera import Camera
from sparse3d.simulate.poses import inverse, pose

FULL_WIDTH, FULL_COLUMNS = 1920, 2650
GLOBAL_SHUTTER = 5
TOP_ROWS = 64
# x right, y down, z forward from x forward, y left, z up
_OPTICAL = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class LidarMount:
    """Where a LiDAR sits, what it covers and how finely."""
    position: tuple[float, float, float]   # vehicle frame [m]
    yaw: float                             # ccw from ahead [deg]
    field: tuple[float, float]             # inclination of the lowest and highest row [deg]
    reach: float                           # [m]


@dataclass(frozen=True)
class CameraMount:
    """Where a camera sits, where it looks, how high its full picture is."""
    position: tuple[float, float, float]   # vehicle frame [m]
    yaw: float                             # ccw from ahead [deg]
    full_height: int = 1280                # at 1920 px of width [px]
    center: tuple[float, float] = (959.5, 639.5)


LIDARS: dict[int, LidarMount] = {
    1: LidarMount((1.43, .0, 2.184), 148, (-17.6, 2.4), 75),
    2: LidarMount((4.07, .0, .69), 0, (-90, 30), 20),
    3: LidarMount((3.25, 1.02, .98), 90, (-90, 30), 20),
    4: LidarMount((3.25, -1.02, .98), -90, (-90, 30), 20),
    5: LidarMount((-1.15, .0, .47), 180, (-90, 30), 20),
}
CAMERAS: dict[int, CameraMount] = {
    1: CameraMount((1.54, -.02, 2.115), 0),
    2: CameraMount((1.49, .09, 2.115), 45),
    3: CameraMount((1.49, -.10, 2.115), -45),
    4: CameraMount((1.43, .11, 2.115), 90, 886, (959.5, 442.5)),
    5: CameraMount((1.43, -.11, 2.115), -90, 886, (959.5, 442.5)),
}
FOCAL = 2055.0  # of every camera at 1920 px of width [px]


def lidar_calibration(lidar: int) -> LidarCalibration:
    """Calibration as it is in the files; only TOP lists its rows, which are denser above."""
    mount = LIDARS[lidar]
    low, high = np.radians(mount.field)
    rows = None
    if lidar == TOP:
        rise = (np.arange(TOP_ROWS) + .5) / TOP_ROWS
        rows = low + (high - low) * (.6 * rise + .4 * (1 - (1 - rise) ** 2))
    return LidarCalibration(pose(np.array(mount.position), np.radians(mount.yaw)), float(low),
                            float(high), rows)


def range_image_size(lidar: int, columns: int) -> tuple[int, int]:
    """Rows and columns of a LiDAR's range image where TOP has ``columns`` columns."""
    if lidar == TOP:
        return TOP_ROWS, columns
    return max(1, round(200 * columns / FULL_COLUMNS)), max(1, round(600 * columns / FULL_COLUMNS))


def camera_calibration(camera: int, width: int) -> CameraCalibration:
    """Calibration of a camera without distortion whose picture is ``width`` pixels wide."""
    mount, scale = CAMERAS[camera], width / FULL_WIDTH
    u, v = (scale * (coordinate + .5) - .5 for coordinate in mount.center)
    intrinsic = np.array([scale * FOCAL, scale * FOCAL, u, v, 0, 0, 0, 0, 0])
    return CameraCalibration(intrinsic, pose(np.array(mount.position), np.radians(mount.yaw)),
                             width, round(scale * mount.full_height), GLOBAL_SHUTTER)


def build_camera(calibration: CameraCalibration) -> Camera:
    """The camera of a calibration for rendering."""
    f_u, f_v, c_u, c_v = calibration.intrinsic[:4]
    matrix = np.array([[f_u, 0, c_u], [0, f_v, c_v], [0, 0, 1.0]])
    camera_from_vehicle = np.einsum('ij,jk->ik', _OPTICAL, inverse(calibration.extrinsic))
    return Camera(matrix, camera_from_vehicle, calibration.width, calibration.height)
