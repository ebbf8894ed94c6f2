"""Calibration of the simulated KITTI car: four cameras, a LiDAR, an inertial unit.

The numbers resemble KITTI's. ``R0_rect`` and ``Tr_velo_to_cam`` hold small opposite
rotations, as real ones do, whose product maps the LiDAR's axes exactly to the rectified
camera's, so that upright boxes in one frame are upright in the other.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LIDAR_HEIGHT = 1.73   # above the ground [m]
IMAGE_SIZE = (375, 1242)  # height, width [px]
FOCAL, CENTER_U, CENTER_V = 720.0, 610.0, 173.0
AXES = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # LiDAR -> camera
LIDAR_IN_CAMERA = np.array([-.004, -.076, -.272])  # origin of the LiDAR, rectified frame [m]
BASELINES = (0.0, -.537, .0625, -.4705)  # of cameras 0..3 along x [m]


def _small_rotation() -> np.ndarray:
    x, y, z = .0045, -.0072, -.0098
    turn_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return turn_x @ turn_y @ turn_z


def _projection(camera: int) -> np.ndarray:
    projection = np.array([[FOCAL, 0, CENTER_U, FOCAL * BASELINES[camera]],
                           [0, FOCAL, CENTER_V, 0], [0, 0, 1, 0]])
    if camera >= 2:  # the color cameras stand a little off the line of the gray ones
        projection[1:, 3] = .21, .0027
    return projection


@dataclass(frozen=True)
class KittiCalibration:
    """The matrices of a KITTI calibration file."""
    projections: tuple[np.ndarray, ...] = field(
        default_factory=lambda: tuple(_projection(camera) for camera in range(4)))  # [3, 4]
    rectification: np.ndarray = field(default_factory=_small_rotation)              # [3, 3]

    @property
    def rectified_from_lidar(self) -> np.ndarray:
        """LiDAR frame to rectified camera 0 frame [4, 4], R0_rect @ Tr_velo_to_cam."""
        transform = np.eye(4)
        transform[:3, :3], transform[:3, 3] = AXES, LIDAR_IN_CAMERA
        return transform

    @property
    def camera_from_lidar(self) -> np.ndarray:
        """Tr_velo_to_cam [3, 4]."""
        return self.rectification.T @ self.rectified_from_lidar[:3]

    @property
    def lidar_from_imu(self) -> np.ndarray:
        """Tr_imu_to_velo [3, 4]."""
        return np.column_stack([np.eye(3), [-.81, .32, -.80]])

    def lines(self) -> list[str]:
        """The calibration file, line by line; it ends with an empty line, as KITTI's do."""
        named = [(f'P{camera}', matrix) for camera, matrix in enumerate(self.projections)]
        named += [('R0_rect', self.rectification), ('Tr_velo_to_cam', self.camera_from_lidar),
                  ('Tr_imu_to_velo', self.lidar_from_imu)]
        return [f'{name}: ' + ' '.join(f'{value:.12e}' for value in matrix.ravel())
                for name, matrix in named] + ['']

    def color_camera(self) -> tuple[np.ndarray, np.ndarray]:
        """Intrinsics [3, 3] of camera 2 and its pose, LiDAR frame to camera [4, 4]."""
        intrinsic, shift = self.projections[2][:, :3], self.projections[2][:, 3]
        camera_from_rectified = np.eye(4)
        camera_from_rectified[:3, 3] = np.linalg.solve(intrinsic, shift)
        return intrinsic, camera_from_rectified @ self.rectified_from_lidar
