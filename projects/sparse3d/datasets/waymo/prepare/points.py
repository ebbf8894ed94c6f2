"""Range images to points in the vehicle frame, in float64 throughout."""
from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sparse3d.datasets.waymo.frame import LidarCalibration, LidarScan, WaymoFrame


@dataclass
class WaymoPoints:
    """A point cloud; every array has one row per point.

    The order is that of mmdet3d: first returns of LiDAR 1 to 5, then second returns,
    row-major within an image.
    """
    xyz: np.ndarray              # [N, 3] float64, vehicle frame [m]
    range: np.ndarray            # [N] float32 [m]
    intensity: np.ndarray        # [N] float32, not bounded
    elongation: np.ndarray       # [N] float32
    lidar: np.ndarray            # [N] uint8, 1..5
    return_number: np.ndarray    # [N] uint8, 1 or 2
    no_label_zone: np.ndarray    # [N] bool
    pixel: np.ndarray            # [N] int32: row * width + column in its range image
    pixel_count: np.ndarray      # [N] int32: height * width of its range image

    def __len__(self) -> int:
        return len(self.xyz)

    def select(self, keep: np.ndarray) -> WaymoPoints:
        """The points of a mask or index."""
        return WaymoPoints(*(getattr(self, item.name)[keep] for item in fields(self)))


def frame_points(frame: WaymoFrame) -> WaymoPoints:
    """All points of a frame; none if it has no LiDAR."""
    clouds = [scan_points(frame.scans[lidar], frame.lidar_calibrations[lidar], lidar, number,
                          frame.ego2global)
              for number in (1, 2) for lidar in sorted(frame.scans)
              if number <= len(frame.scans[lidar].returns)]
    if not clouds:
        return _no_points()
    return WaymoPoints(*(np.concatenate([getattr(cloud, item.name) for cloud in clouds])
                         for item in fields(WaymoPoints)))


def scan_points(scan: LidarScan, calibration: LidarCalibration, lidar: int, number: int,
                ego2global: np.ndarray) -> WaymoPoints:
    """Points of one return of one LiDAR: pixels with a range above 0.

    Args:
        scan: range images; with ``pixel_pose`` the motion of the vehicle during the scan
            is taken out (the second return has the poses of the first).
        calibration: of the same LiDAR.
        lidar: its number, 1..5.
        number: 1 first or 2 second return.
        ego2global: (4, 4) float64 vehicle pose of the frame.
    """
    image = scan.returns[number - 1]                    # [H, W, 4]
    height, width = image.shape[:2]
    pixel = np.flatnonzero(image[..., 0] > 0)           # [N]
    values = image.reshape(-1, 4)[pixel]
    xyz = pixel_directions(calibration, height, width, pixel)
    xyz *= values[:, :1].astype(np.float64)
    xyz = _transform(xyz, calibration.extrinsic)
    if scan.pixel_pose is not None:
        xyz = _undo_motion(xyz, scan.pixel_pose.reshape(-1, 6)[pixel], ego2global)
    return WaymoPoints(
        xyz, values[:, 0], values[:, 1], values[:, 2],
        np.full(len(pixel), lidar, np.uint8), np.full(len(pixel), number, np.uint8),
        values[:, 3] == 1, pixel.astype(np.int32),
        np.full(len(pixel), height * width, np.int32))


def pixel_directions(calibration: LidarCalibration, height: int, width: int,
                     pixel: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 3) in the sensor frame that pixels (N,) of a range image look along."""
    inclination = row_inclinations(calibration, height)
    mount = np.arctan2(calibration.extrinsic[1, 0], calibration.extrinsic[0, 0])
    azimuth = ((width - np.arange(width) - 0.5) / width * 2 - 1) * np.pi - mount
    row, column = np.divmod(pixel, width)
    flat = np.cos(inclination)[row]
    return np.stack([np.cos(azimuth)[column] * flat, np.sin(azimuth)[column] * flat,
                     np.sin(inclination)[row]], axis=-1)


def row_inclinations(calibration: LidarCalibration, height: int) -> np.ndarray:
    """Angle of each row above the sensor's horizon (H,), highest row first, radians."""
    if calibration.inclinations is not None:
        return calibration.inclinations[::-1]
    low, high = calibration.inclination_min, calibration.inclination_max
    return ((np.arange(height) + 0.5) / height * (high - low) + low)[::-1]


def _undo_motion(xyz: np.ndarray, pose: np.ndarray, ego2global: np.ndarray) -> np.ndarray:
    """Vehicle frame at the time of each pixel to the vehicle frame of the frame's pose."""
    roll, pitch, yaw, *origin = pose.astype(np.float64).T
    x, y, z = xyz.T
    cos, sin = np.cos(roll), np.sin(roll)
    y, z = cos * y - sin * z, sin * y + cos * z
    cos, sin = np.cos(pitch), np.sin(pitch)
    x, z = cos * x + sin * z, cos * z - sin * x
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y = cos * x - sin * y, sin * x + cos * y
    # The origins are subtracted first: both are large, their difference is small.
    relative = np.stack([x, y, z], axis=-1) + (np.stack(origin, axis=-1) - ego2global[:3, 3])
    return relative @ np.linalg.inv(ego2global[:3, :3]).T


def _transform(xyz: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


def _no_points() -> WaymoPoints:
    number = np.zeros(0, np.float32)
    return WaymoPoints(np.zeros((0, 3)), number, number, number, np.zeros(0, np.uint8),
                       np.zeros(0, np.uint8), np.zeros(0, bool), np.zeros(0, np.int32),
                       np.zeros(0, np.int32))
