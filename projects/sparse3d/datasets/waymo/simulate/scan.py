"""What the five LiDARs and five cameras of a simulated Waymo car record at one time.

Everybody else stands still while the sensors record; the vehicle drives on, so the pixels of
TOP have poses of their own, as in the real data. Pictures are taken at the time of the frame.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.simulate.geometry import points_in_vehicle
from sparse3d.datasets.waymo.simulate.options import TURN
from sparse3d.datasets.waymo.simulate.range_images import scan_range_images
from sparse3d.datasets.waymo.simulate.rig import (
    CAMERAS,
    LIDARS,
    build_camera,
    camera_calibration,
    lidar_calibration,
    range_image_size,
)
from sparse3d.datasets.waymo.simulate.zones import Zone
from sparse3d.simulate.camera import Camera, Picture, take_picture
from sparse3d.simulate.echoes import Receiver
from sparse3d.simulate.poses import inverse
from sparse3d.simulate.scene import Scene, Snapshot

POSES_PER_TURN = 9
_RANGE_NOISE = .02


@dataclass(frozen=True)
class Rig:
    """The calibrated sensors; ``image_width`` 0 is a car without cameras.

    With ``projections`` range images know the pixel of a camera that each point falls on.
    """
    columns: int
    image_width: int
    projections: bool = False

    @property
    def lidars(self) -> dict[int, waymo.LidarCalibration]:
        """Calibrations by the number of the LiDAR."""
        return {lidar: lidar_calibration(lidar) for lidar in LIDARS}

    @property
    def cameras(self) -> dict[int, waymo.CameraCalibration]:
        """Calibrations by the number of the camera."""
        numbers = CAMERAS if self.image_width else ()
        return {camera: camera_calibration(camera, self.image_width) for camera in numbers}


def scan_all(scene: Scene, snapshot: Snapshot, time: float, rig: Rig, zones: list[Zone],
             global_from_world: np.ndarray, rng: np.random.Generator
             ) -> dict[int, waymo.LidarScan]:
    """Range images of all LiDARs; TOP is compensated by poses, the others are instant."""
    scans = {}
    for lidar, calibration in rig.lidars.items():
        size = range_image_size(lidar, rig.columns)
        poses = np.broadcast_to(snapshot.world_from_ego, (size[1], 4, 4))
        if lidar == waymo.TOP:
            poses = _poses_during_turn(scene, time, size[1])
        receiver = Receiver(min_range=.3, max_range=LIDARS[lidar].reach, range_noise=_RANGE_NOISE)
        scan = scan_range_images(snapshot, calibration, size, poses, receiver, zones, rng)
        if lidar == waymo.TOP:
            scan.pixel_pose = _pixel_pose(poses, size[0], global_from_world)
        scan.projections = [_projections(scan, number, calibration, rig.cameras)
                            for number in (0, 1)] if rig.projections else []
        scans[lidar] = scan
    return scans


def take_pictures(snapshot: Snapshot, rig: Rig, rng: np.random.Generator
                  ) -> dict[int, tuple[Camera, Picture]]:
    """What every camera sees."""
    cameras = {name: build_camera(calibration) for name, calibration in rig.cameras.items()}
    return {name: (camera, take_picture(snapshot, camera, rng))
            for name, camera in cameras.items()}


def camera_image(picture: Picture, ego2global: np.ndarray, velocity: np.ndarray,
                 seconds: float) -> waymo.CameraImage:
    """A picture as it is stored; ``velocity`` [6] linear (global), angular."""
    jpeg = cv2.imencode('.jpg', picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return waymo.CameraImage(jpeg.tobytes(), ego2global, velocity, seconds, .005, seconds,
                             seconds)


def _poses_during_turn(scene: Scene, time: float, width: int) -> np.ndarray:
    """Pose of the vehicle [W, 4, 4] at the time of each column; the middle is the frame's."""
    knots = np.linspace(-TURN / 2, TURN / 2, POSES_PER_TURN)
    poses = np.stack([scene.world_from_ego(time + offset) for offset in knots])
    when = ((np.arange(width) + .5) / width - .5) * TURN
    yaw = np.unwrap(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]))
    yaw = np.interp(when, knots, yaw)
    between = np.tile(np.eye(4), (width, 1, 1))
    between[:, 0, 0], between[:, 0, 1] = np.cos(yaw), -np.sin(yaw)
    between[:, 1, 0], between[:, 1, 1] = np.sin(yaw), np.cos(yaw)
    for axis in range(3):
        between[:, axis, 3] = np.interp(when, knots, poses[:, axis, 3])
    return between


def _pixel_pose(poses: np.ndarray, height: int, global_from_world: np.ndarray) -> np.ndarray:
    """roll, pitch, yaw, x, y, z [H, W, 6] float32 of the vehicle, global frame."""
    placed = np.einsum('ij,wjk->wik', global_from_world, poses)
    yaw = np.arctan2(placed[:, 1, 0], placed[:, 0, 0])
    zero = np.zeros(len(placed))
    columns = np.column_stack([zero, zero, yaw, placed[:, :3, 3]]).astype(np.float32)
    return np.tile(columns, (height, 1, 1))


def _projections(scan: waymo.LidarScan, number: int, calibration: waymo.LidarCalibration,
                 cameras: dict[int, waymo.CameraCalibration]) -> np.ndarray:
    """camera, u, v of the first two cameras that see each pixel [H, W, 6] int32, 0 for none."""
    image = scan.returns[number]
    height, width = image.shape[:2]
    pixels = np.flatnonzero(image[..., 0] > 0)
    points = points_in_vehicle(image[..., 0], calibration).reshape(-1, 3)[pixels]
    result = np.zeros((height * width, 6), dtype=np.int32)
    for name, camera in cameras.items():
        seen, u, v = _pixels_of(points, camera)
        for slot in (0, 3):
            rows = seen & (result[pixels, slot] == 0) & (result[pixels, 0] != name)
            result[pixels[rows], slot] = name
            result[pixels[rows], slot + 1], result[pixels[rows], slot + 2] = u[rows], v[rows]
            seen = seen & ~rows
    return result.reshape(height, width, 6)


def _pixels_of(points: np.ndarray, camera: waymo.CameraCalibration
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrix = inverse(camera.extrinsic)
    x, y, z = (points @ matrix[:3, :3].T + matrix[:3, 3]).T
    f_u, f_v, c_u, c_v = camera.intrinsic[:4]
    ahead = x > .1
    depth = np.where(ahead, x, 1)
    u, v = np.round(c_u - f_u * y / depth), np.round(c_v - f_v * z / depth)
    inside = ahead & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    return inside, u, v
