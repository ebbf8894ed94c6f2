import numpy as np
import torch
from mmdet3d.structures import Box3DMode, CameraInstance3DBoxes

from sparse3d.structures.box_conversions import (
    kitti_camera_to_lidar,
    lidar_to_kitti_camera,
    wrap_angle,
)

# x right = -y left, y down = -z up, z forward = x forward
AXES = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])


def _tilted() -> np.ndarray:
    angle = 0.01
    tilt = np.eye(4)
    tilt[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    tilt[:3, 3] = (0.1, -0.2, -0.3)
    return tilt @ AXES


def test_a_car_ahead_driving_away():
    label = [2.0, 1.6, 20.0, 4.0, 1.5, 1.7, -np.pi / 2]  # rotation_y -pi/2: along +z
    np.testing.assert_allclose(
        kitti_camera_to_lidar([label], AXES)[0], [20, -2, -1.6, 4.0, 1.7, 1.5, 0], atol=1e-12)


def test_a_car_crossing_to_the_right():
    label = [0.0, 1.6, 20.0, 4.0, 1.5, 1.7, 0.0]  # rotation_y 0: along +x, to the right
    assert kitti_camera_to_lidar([label], AXES)[0, 6] == -np.pi / 2


def test_agrees_with_mmdet3d():
    random = np.random.default_rng(0)
    labels = np.column_stack([random.uniform(-20, 20, (50, 3)), random.uniform(0.5, 5, (50, 3)),
                              random.uniform(-np.pi, np.pi, 50)])
    expected = CameraInstance3DBoxes(torch.from_numpy(labels)).convert_to(
        Box3DMode.LIDAR, np.linalg.inv(_tilted())).tensor.numpy()
    result = kitti_camera_to_lidar(labels, _tilted())
    np.testing.assert_allclose(result[:, :6], expected[:, :6], atol=1e-5)
    np.testing.assert_allclose(wrap_angle(result[:, 6] - expected[:, 6]), 0, atol=1e-5)


def test_round_trip():
    random = np.random.default_rng(1)
    boxes = np.column_stack([random.uniform(-20, 20, (50, 3)), random.uniform(0.5, 5, (50, 3)),
                             random.uniform(-np.pi, np.pi, 50)])
    there = lidar_to_kitti_camera(boxes, _tilted())
    np.testing.assert_allclose(kitti_camera_to_lidar(there, _tilted()), boxes, atol=1e-9)


def test_no_boxes():
    assert kitti_camera_to_lidar([], AXES).shape == (0, 7)
    assert lidar_to_kitti_camera(np.zeros((0, 7)), AXES).shape == (0, 7)
