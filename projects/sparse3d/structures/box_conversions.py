"""Boxes of the benchmarks to and from the LiDAR frame, all conversions in one place.

The LiDAR box everywhere in Sparse3D is (x, y, z_bottom, dx, dy, dz, yaw), in meters
and radians, in the right-handed LiDAR frame::

            z up                 top view, x forward, y left
            |   x forward                x
            |  /                   3 ----^---- 0      yaw: counter-clockwise from x to y
            | /                     |    |    |       dx along the heading, dy across, dz up
    y ------+                       |    o    |       (x, y, z) is the center of the BOTTOM face
     left                    y <----|---------|
                                    2 --------- 1

What the benchmarks do otherwise:

=========  =========================  =============  ==========================
benchmark  frame                      reference      sizes, heading
=========  =========================  =============  ==========================
KITTI      camera: x right, y down,   bottom center  h, w, l in files; about y,
           z forward                                 0 along x, clockwise
nuScenes   global, or LiDAR with      center         w, l, h; quaternion w x y z
           x right, y forward
Waymo      vehicle: x forward,        center         l, w, h; as here
           y left
=========  =========================  =============  ==========================
"""
from __future__ import annotations

import numpy as np


def wrap_angle(angle: np.ndarray) -> np.ndarray:
    """Bring angles in radians into [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def kitti_camera_to_lidar(boxes: np.ndarray, lidar2cam: np.ndarray) -> np.ndarray:
    """Convert KITTI label boxes to LiDAR boxes.

    KITTI defines its yaw about the camera's y axis; as is customary the small tilt
    between the two frames is ignored for the heading: yaw = -rotation_y - pi / 2.

    Args:
        boxes: (N, 7) x, y, z of the bottom center, l, h, w, rotation_y in the
            rectified camera frame (x right, y down, z forward).
        lidar2cam: (4, 4) LiDAR frame to rectified camera frame.

    Returns:
        (N, 7) float64 boxes in the LiDAR frame.

    Source: KITTI object development kit, ``readme.txt``.
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 7)
    center = _transform(boxes[:, :3], np.linalg.inv(lidar2cam))
    length, height, width = boxes[:, 3], boxes[:, 4], boxes[:, 5]
    yaw = wrap_angle(-boxes[:, 6] - np.pi / 2)
    return np.column_stack([center, length, width, height, yaw])


def lidar_to_kitti_camera(boxes: np.ndarray, lidar2cam: np.ndarray) -> np.ndarray:
    """Convert LiDAR boxes to KITTI label boxes; the inverse of the function above.

    Args:
        boxes: (N, 7) x, y, z_bottom, dx, dy, dz, yaw in the LiDAR frame.
        lidar2cam: (4, 4) LiDAR frame to rectified camera frame.

    Returns:
        (N, 7) float64 x, y, z, l, h, w, rotation_y in the rectified camera frame.
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 7)
    center = _transform(boxes[:, :3], lidar2cam)
    length, width, height = boxes[:, 3], boxes[:, 4], boxes[:, 5]
    rotation_y = wrap_angle(-boxes[:, 6] - np.pi / 2)
    return np.column_stack([center, length, height, width, rotation_y])


def lidar_to_center(boxes: np.ndarray) -> np.ndarray:
    """Move the reference from the bottom face to the middle: Waymo's boxes.

    Args:
        boxes: (N, >=7) x, y, z_bottom, dx, dy, dz, yaw, ...

    Returns:
        (N, >=7) float64 x, y, z_center, length, width, height, heading, ...
    """
    boxes = np.array(boxes, dtype=np.float64)
    boxes[:, 2] += boxes[:, 5] / 2
    return boxes


def center_to_lidar(boxes: np.ndarray) -> np.ndarray:
    """Move the reference from the middle to the bottom face; see the function above."""
    boxes = np.array(boxes, dtype=np.float64)
    boxes[:, 2] -= boxes[:, 5] / 2
    return boxes


def lidar_to_nuscenes(boxes: np.ndarray, lidar2global: np.ndarray | None = None) -> tuple:
    """Convert LiDAR boxes to translation, size and rotation as nuScenes writes them.

    Args:
        boxes: (N, >=7) x, y, z_bottom, dx, dy, dz, yaw in the LiDAR frame.
        lidar2global: (4, 4) LiDAR frame to the frame wanted, identity if None.

    Returns:
        ``(translation, size, rotation)``: (N, 3) centers, (N, 3) width, length,
        height, (N, 4) unit quaternions w, x, y, z with w >= 0; all float64.
    """
    boxes = lidar_to_center(boxes)
    matrix = np.eye(4) if lidar2global is None else np.asarray(lidar2global, np.float64)
    half = boxes[:, 6] / 2
    about_z = np.stack([np.cos(half), half * 0, half * 0, np.sin(half)], axis=1)
    rotation = _product(_quaternion(matrix[:3, :3]), about_z)
    rotation *= np.where(rotation[:, :1] < 0, -1, 1)
    return _transform(boxes[:, :3], matrix), boxes[:, [4, 3, 5]], rotation


def nuscenes_to_lidar(translation: np.ndarray, size: np.ndarray, rotation: np.ndarray,
                      lidar2global: np.ndarray | None = None) -> np.ndarray:
    """Convert nuScenes boxes to LiDAR boxes; the inverse of the function above.

    The yaw is the direction of the box's length axis in BEV.

    Returns:
        (N, 7) float64 x, y, z_bottom, dx, dy, dz, yaw in the LiDAR frame.
    """
    matrix = np.eye(4) if lidar2global is None else np.asarray(lidar2global, np.float64)
    w, x, y, z = np.asarray(rotation, np.float64).reshape(-1, 4).T
    along = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1)
    along = along @ matrix[:3, :3]  # rows times R = inverse rotation of each
    center = _transform(np.asarray(translation, np.float64).reshape(-1, 3), np.linalg.inv(matrix))
    sizes = np.asarray(size, np.float64).reshape(-1, 3)[:, [1, 0, 2]]
    yaw = np.arctan2(along[:, 1], along[:, 0])
    return center_to_lidar(np.column_stack([center, sizes, yaw]))


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion w, x, y, z of a (3, 3) rotation matrix."""
    # The eigenvector of the largest eigenvalue (Bar-Itzhack 2000) has no special cases.
    (a, b, c), (d, e, f), (g, h, i) = rotation
    table = np.array([[a + e + i, h - f, c - g, d - b],
                      [h - f, a - e - i, b + d, c + g],
                      [c - g, b + d, e - a - i, f + h],
                      [d - b, c + g, f + h, i - a - e]]) / 3
    return np.linalg.eigh(table)[1][:, -1]


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions w, x, y, z; (4,) or (N, 4) each."""
    w, x, y, z = np.moveaxis(np.asarray(first), -1, 0)
    p, q, r, s = np.moveaxis(np.asarray(second), -1, 0)
    return np.stack([w * p - x * q - y * r - z * s, w * q + x * p + y * s - z * r,
                     w * r - x * s + y * p + z * q, w * s + x * r - y * q + z * p], axis=-1)


def _transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, dtype=np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]
