"""The sensors of an Argoverse 2 car: two 32-beam LiDARs above each other, seven ring cameras.

Vehicle frame: origin at the rear axle, 0.33 m above the ground; x forward, y left, z up. Camera
frame: x right, y down, z forward.

Source: calibration and sweeps of published logs, rounded.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sparse3d.simulate.camera import Camera
from sparse3d.simulate.lidar import Lidar
from sparse3d.simulate.poses import inverse, pose

AXLE_HEIGHT = 0.33      # of the vehicle frame above the ground [m]
MIN_RANGE, MAX_RANGE = 2.95, 220.0
LASERS = 32
# By laser, in the frame of the sensor [deg]; the same for both.
ELEVATIONS = (
    7, -1.667, 1.667, -.667, 15, -.333, 3.333, .667, 1.333, 0, 1, 2.333, .333, -1, 4.667, 10.333,
    -6.148, -15.639, -3, -2, -4, -8.843, -4.667, -3.333, -2.667, -5.333, -1.333, -7.254, -3.667,
    -11.31, -2.333, -25)
BLOCKED = (17, 31, 36)  # lasers that see the car alone


@dataclass(frozen=True)
class LidarMount:
    """Where a LiDAR sits; ``roll`` 180 hangs upside down."""
    position: tuple[float, float, float]  # [m]
    roll: float                           # [deg]
    yaw: float                            # [deg]
    first_laser: int


@dataclass(frozen=True)
class CameraMount:
    """Where a camera sits and looks; pictures are 2048 x 1550 or, upright, 1550 x 2048."""
    position: tuple[float, float, float]  # [m]
    yaw: float                            # counter-clockwise from ahead [deg]
    focal: float = 1687.0                 # at full size [px]
    upright: bool = False


LIDARS = {'up_lidar': LidarMount((1.350, 0.0, 1.640), 0, -.58, 0),
          'down_lidar': LidarMount((1.347, .005, 1.525), 180, -11.6, LASERS)}
CAMERAS = {
    'ring_front_center': CameraMount((1.635, .003, 1.398), 0, 1776.0, upright=True),
    'ring_front_left': CameraMount((1.546, .204, 1.394), 45),
    'ring_front_right': CameraMount((1.551, -.199, 1.398), -45),
    'ring_side_left': CameraMount((1.306, .276, 1.407), 99),
    'ring_side_right': CameraMount((1.306, -.279, 1.396), -99),
    'ring_rear_left': CameraMount((1.090, .126, 1.419), 153),
    'ring_rear_right': CameraMount((1.101, -.127, 1.415), -153),
}
LONG, SHORT = 2048, 1550
_OPTICAL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # camera to x forward, y left, z up


def simulator_from_vehicle() -> np.ndarray:
    """(4, 4): the simulator's vehicle frame lies on the ground."""
    return pose(np.array([0.0, 0.0, AXLE_HEIGHT]))


def vehicle_from_lidar(name: str) -> np.ndarray:
    """Pose (4, 4) of a LiDAR."""
    mount = LIDARS[name]
    matrix = pose(np.array(mount.position), np.radians(mount.yaw))
    roll = np.radians(mount.roll)
    turn = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]])
    matrix[:3, :3] = np.einsum('ij,jk->ik', matrix[:3, :3], turn)
    return matrix


def build_lidar(name: str, azimuths: int) -> Lidar:
    """A LiDAR for scanning."""
    place = np.einsum('ij,jk->ik', simulator_from_vehicle(), vehicle_from_lidar(name))
    return Lidar(elevations=np.radians(ELEVATIONS), azimuths=azimuths, min_range=MIN_RANGE,
                 max_range=MAX_RANGE, ego_from_lidar=place)


def vehicle_from_camera(name: str) -> np.ndarray:
    """Pose (4, 4) of a camera."""
    mount = CAMERAS[name]
    matrix = pose(np.array(mount.position), np.radians(mount.yaw))
    matrix[:3, :3] = np.einsum('ij,jk->ik', matrix[:3, :3], _OPTICAL)
    return matrix


def image_size(name: str, width: int) -> tuple[int, int]:
    """Height and width of the pictures where those that lie are ``width`` pixels wide."""
    short = max(1, round(width * SHORT / LONG))
    return (width, short) if CAMERAS[name].upright else (short, width)


def build_camera(name: str, width: int) -> Camera:
    """A camera for rendering."""
    high, wide = image_size(name, width)
    focal = CAMERAS[name].focal * width / LONG
    intrinsic = np.array([[focal, 0, (wide - 1) / 2], [0, focal, (high - 1) / 2], [0, 0, 1.0]])
    place = np.einsum('ij,jk->ik', simulator_from_vehicle(), vehicle_from_camera(name))
    return Camera(intrinsic, inverse(place), wide, high)


def pose_columns(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Columns qw, qx, qy, qz, tx_m, ty_m, tz_m of poses (N, 4, 4)."""
    x, y, z, w = Rotation.from_matrix(matrices[:, :3, :3]).as_quat().T
    return dict(qw=w, qx=x, qy=y, qz=z, tx_m=matrices[:, 0, 3], ty_m=matrices[:, 1, 3],
                tz_m=matrices[:, 2, 3])


def calibration_tables(width: int) -> dict[str, dict[str, np.ndarray]]:
    """``egovehicle_SE3_sensor`` and ``intrinsics``; without cameras only the LiDARs."""
    names = list(CAMERAS) if width else []
    poses = [vehicle_from_camera(name) for name in names]
    poses += [vehicle_from_lidar(name) for name in LIDARS]
    cameras = [build_camera(name, width) for name in names]
    matrices = np.array([camera.intrinsic for camera in cameras]).reshape(-1, 3, 3)
    none = np.zeros(len(names))
    return dict(
        egovehicle_SE3_sensor=dict(sensor_name=np.array([*names, *LIDARS], object),
                                   **pose_columns(np.array(poses))),
        intrinsics=dict(
            sensor_name=np.array(names, object), fx_px=matrices[:, 0, 0], fy_px=matrices[:, 1, 1],
            cx_px=matrices[:, 0, 2], cy_px=matrices[:, 1, 2], k1=none, k2=none, k3=none,
            height_px=np.array([camera.height for camera in cameras], np.uint16),
            width_px=np.array([camera.width for camera in cameras], np.uint16)))
