"""The sensors of a nuScenes car: six cameras and a 32-beam LiDAR on the roof.

Ego frame: on the ground below the rear axle, x forward, y left, z up. LiDAR frame:
x right, y forward, z up. Camera frame: x right, y down, z forward.

Source: calibrated_sensor table and sensor description of nuScenes, rounded.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.camera import Camera
from sparse3d.simulate.lidar import Lidar
from sparse3d.simulate.poses import inverse, pose, yaw_rotation

LIDAR = 'LIDAR_TOP'
FULL_WIDTH, FULL_HEIGHT = 1600, 900
LIDAR_POSITION, LIDAR_YAW = (.94, 0.0, 1.84), -np.pi / 2
_EGO_FROM_OPTICAL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])


@dataclass(frozen=True)
class Mount:
    """Where a camera sits, what it looks at and when it is triggered."""
    position: tuple[float, float, float]  # ego frame [m]
    yaw: float                            # ccw from ahead [deg]
    focal: float                          # at 1600 x 900 [px]
    center: tuple[float, float]           # principal point at 1600 x 900 [px]
    lead: float                           # exposed that long before the sweep is stamped [s]


CAMERAS: dict[str, Mount] = {
    'CAM_FRONT': Mount((1.70, .02, 1.51), 0, 1266, (816, 491), .035),
    'CAM_FRONT_RIGHT': Mount((1.55, -.49, 1.50), -56, 1260, (808, 495), .027),
    'CAM_FRONT_LEFT': Mount((1.52, .49, 1.51), 55, 1272, (826, 479), .043),
    'CAM_BACK': Mount((.03, .0, 1.57), 180, 809, (829, 481), .010),
    'CAM_BACK_LEFT': Mount((1.04, .48, 1.59), 109, 1256, (792, 492), .001),
    'CAM_BACK_RIGHT': Mount((1.01, -.48, 1.56), -111, 1259, (807, 501), .020),
}
CHANNELS = (LIDAR, *CAMERAS)


def build_lidar(azimuths: int) -> Lidar:
    """A Velodyne HDL-32E: 32 beams from +10.67 to -30.67 degrees, highest first."""
    return Lidar(elevations=np.radians(10.67 - np.arange(32) * 41.34 / 31), azimuths=azimuths,
                 max_range=100.0, ego_from_lidar=pose(np.array(LIDAR_POSITION), LIDAR_YAW))


def build_camera(channel: str, width: int) -> Camera:
    """A camera whose picture is ``width`` pixels wide, in the shape of 1600 x 900."""
    mount = CAMERAS[channel]
    ego_from_camera = np.eye(4)
    ego_from_camera[:3, :3] = np.einsum(
        'ij,jk->ik', yaw_rotation(np.radians(mount.yaw)), _EGO_FROM_OPTICAL)
    ego_from_camera[:3, 3] = mount.position
    return Camera(intrinsic(channel, width), inverse(ego_from_camera), width, image_height(width))


def intrinsic(channel: str, width: int) -> np.ndarray:
    """Camera matrix [3, 3] for pictures ``width`` pixels wide; integer pixels are centers."""
    mount, scale = CAMERAS[channel], width / FULL_WIDTH
    u, v = (scale * (coordinate + .5) - .5 for coordinate in mount.center)
    return np.array([[scale * mount.focal, 0, u], [0, scale * mount.focal, v], [0, 0, 1.0]])


def image_height(width: int) -> int:
    """Height of a picture that is ``width`` pixels wide."""
    return round(width * FULL_HEIGHT / FULL_WIDTH)


def mounting(channel: str) -> tuple[list[float], list[float]]:
    """Position [3] and rotation (quaternion w, x, y, z) of a sensor in the ego frame."""
    if channel == LIDAR:
        return list(LIDAR_POSITION), about_z(LIDAR_YAW)
    mount = CAMERAS[channel]
    cos, sin = np.cos(np.radians(mount.yaw) / 2), np.sin(np.radians(mount.yaw) / 2)
    plus, minus = float(cos + sin) / 2, float(cos - sin) / 2
    return list(mount.position), [plus, -plus, minus, -minus]  # yaw times (1, -1, 1, -1) / 2


def about_z(yaw: float) -> list[float]:
    """Quaternion w, x, y, z of a turn by ``yaw`` radians about z."""
    return [float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]
