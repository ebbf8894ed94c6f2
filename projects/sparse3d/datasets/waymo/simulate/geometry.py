"""The geometry of range images as the simulator has it: from a turn of the sensor to its pixels.

Nothing here comes from the reader of the files (``waymo.prepare``). A frame that the official
package wrote judges both: what the one makes of its pixels and what the other does have to be the
official points.

A LiDAR begins its turn behind the vehicle and turns clockwise, seen from above. The columns of the
image are equal parts of the turn in the vehicle frame, however the sensor itself is mounted; the
rows are inclinations above the sensor's own horizon, the highest first.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.waymo.frame import LidarCalibration, LidarScan, WaymoFrame


@dataclass(frozen=True)
class MeasuredPoints:
    """Points of all range images of a frame, one row per point.

    The order is by return, then LiDAR, then pixel.
    """
    xyz: np.ndarray     # [N, 3] float64, vehicle frame at the time of the frame [m]
    lidar: np.ndarray   # [N] int64, 1..5


def inclinations_of_rows(calibration: LidarCalibration, height: int) -> np.ndarray:
    """Angle (H,) of each row above the sensor's horizon, radians."""
    if calibration.inclinations is not None:
        return np.flip(calibration.inclinations)
    step = (calibration.inclination_max - calibration.inclination_min) / height
    return calibration.inclination_max - (np.arange(height) + 0.5) * step


def rays_of_pixels(calibration: LidarCalibration, height: int, width: int) -> np.ndarray:
    """Unit vectors (H, W, 3) in the sensor frame that the pixels look along."""
    up = inclinations_of_rows(calibration, height)[:, None]
    behind, turned = np.pi, 2 * np.pi * (np.arange(width) + 0.5) / width
    mounted = np.arctan2(calibration.extrinsic[1, 0], calibration.extrinsic[0, 0])
    around = (behind - turned - mounted)[None]
    return np.stack(np.broadcast_arrays(np.cos(up) * np.cos(around), np.cos(up) * np.sin(around),
                                        np.sin(up)), axis=-1)


def measured_points(frame: WaymoFrame) -> MeasuredPoints:
    """Where the pixels of a frame's range images were measured, all brought to its time.

    Pixels of TOP have poses of their own, as stored (float32: rounded to millimeters far from the
    origin of the global frame), so that labels hold for what is in the files.
    """
    xyz, lidar = [np.zeros((0, 3))], [np.zeros(0, np.int64)]
    for number in (0, 1):
        for name in sorted(frame.scans):
            scan, calibration = frame.scans[name], frame.lidar_calibrations[name]
            if number < len(scan.returns):
                xyz.append(_points_of_return(scan, calibration, number, frame.ego2global))
                lidar.append(np.full(len(xyz[-1]), name))
    return MeasuredPoints(np.concatenate(xyz), np.concatenate(lidar))


def points_in_vehicle(distance: np.ndarray, calibration: LidarCalibration) -> np.ndarray:
    """Points (H, W, 3) of distances (H, W) in the vehicle frame at the time of each pixel."""
    rays = rays_of_pixels(calibration, *distance.shape)
    turn, mount = calibration.extrinsic[:3, :3], calibration.extrinsic[:3, 3]
    return np.einsum('ij,hwj->hwi', turn, rays * distance[..., None]) + mount


def _points_of_return(scan: LidarScan, calibration: LidarCalibration, number: int,
                      ego2global: np.ndarray) -> np.ndarray:
    distance = scan.returns[number][..., 0].astype(np.float64)
    measured = distance > 0
    points = points_in_vehicle(distance, calibration)[measured]
    if scan.pixel_pose is None:
        return points
    pose = scan.pixel_pose[measured].astype(np.float64)
    turn = np.linalg.inv(ego2global[:3, :3])
    driven = (pose[:, 3:] - ego2global[:3, 3]) @ turn.T  # of large numbers a small difference
    turned = np.einsum('ij,njk->nik', turn, _rotations(*pose[:, :3].T))
    return np.einsum('nij,nj->ni', turned, points) + driven


def _rotations(roll: np.ndarray, pitch: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) by roll about x, then pitch about y, then yaw about z."""
    zero, one = np.zeros_like(roll), np.ones_like(roll)
    about_x = [[one, zero, zero], [zero, np.cos(roll), -np.sin(roll)],
               [zero, np.sin(roll), np.cos(roll)]]
    about_y = [[np.cos(pitch), zero, np.sin(pitch)], [zero, one, zero],
               [-np.sin(pitch), zero, np.cos(pitch)]]
    about_z = [[np.cos(yaw), -np.sin(yaw), zero], [np.sin(yaw), np.cos(yaw), zero],
               [zero, zero, one]]
    x, y, z = (np.moveaxis(np.array(rows), -1, 0) for rows in (about_x, about_y, about_z))
    return z @ y @ x
