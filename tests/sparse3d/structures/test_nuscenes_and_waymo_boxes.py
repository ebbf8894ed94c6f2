"""Boxes of nuScenes and Waymo to the LiDAR frame and back."""
from __future__ import annotations

import numpy as np
import pytest
from pyquaternion import Quaternion

from sparse3d.structures.box_conversions import (
    center_to_lidar,
    lidar_to_center,
    lidar_to_nuscenes,
    nuscenes_to_lidar,
    wrap_angle,
)


def random_boxes(number=40):
    random = np.random.default_rng(0)
    return np.column_stack([random.uniform(-50, 50, (number, 3)),
                            random.uniform(0.5, 5, (number, 3)),
                            random.uniform(-np.pi, np.pi, number)])


def pose(roll=0.0, pitch=0.0, yaw=2.5):
    matrix = (Quaternion(axis=[0, 0, 1], radians=yaw) * Quaternion(axis=[0, 1, 0], radians=pitch)
              * Quaternion(axis=[1, 0, 0], radians=roll)).transformation_matrix
    matrix[:3, 3] = (411.3, 1180.9, 0.5)
    return matrix


def test_bottom_and_center_by_hand():
    box = np.array([[1.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.3, 7.0, 8.0]])
    centered = lidar_to_center(box)
    assert centered[0].tolist() == [1.0, 2.0, -0.25, 4.0, 2.0, 1.5, 0.3, 7.0, 8.0]
    assert np.array_equal(center_to_lidar(centered), box)
    assert box[0, 2] == -1.0


def test_a_car_driving_left_by_hand():
    translation, size, rotation = lidar_to_nuscenes([[10, 5, -1, 4, 2, 1.5, np.pi / 2]])
    np.testing.assert_allclose(translation, [[10, 5, -0.25]])
    np.testing.assert_allclose(size, [[2, 4, 1.5]])
    np.testing.assert_allclose(rotation, [[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]])


@pytest.mark.parametrize('lidar2global', [pose(), pose(yaw=np.pi), pose(0.02, -0.03, -1.0)])
def test_agrees_with_the_devkit(lidar2global):
    box = pytest.importorskip('nuscenes.utils.data_classes').Box
    boxes = random_boxes()
    translation, size, rotation = lidar_to_nuscenes(boxes, lidar2global)
    for row, (x, y, z, length, width, height, yaw) in enumerate(boxes):
        expected = box([x, y, z + height / 2], [width, length, height],
                       Quaternion(axis=[0, 0, 1], radians=yaw))
        expected.rotate(Quaternion(matrix=lidar2global[:3, :3]))
        expected.translate(lidar2global[:3, 3])
        ours = box(translation[row], size[row], Quaternion(rotation[row]))
        np.testing.assert_allclose(ours.corners(), expected.corners(), atol=1e-9)


@pytest.mark.parametrize('lidar2global', [None, pose(), pose(yaw=-np.pi / 2), pose(0.02, 0.03)])
def test_round_trip(lidar2global):
    boxes = random_boxes()
    back = nuscenes_to_lidar(*lidar_to_nuscenes(boxes, lidar2global), lidar2global)
    np.testing.assert_allclose(back[:, :6], boxes[:, :6], atol=1e-9)
    np.testing.assert_allclose(wrap_angle(back[:, 6] - boxes[:, 6]), 0, atol=1e-9)


def test_no_boxes():
    parts = lidar_to_nuscenes(np.zeros((0, 7)))
    assert [part.shape for part in parts] == [(0, 3), (0, 3), (0, 4)]
    assert nuscenes_to_lidar(*parts).shape == (0, 7)


def test_quaternions_have_a_part_that_is_not_negative():
    turns = np.linspace(-2 * np.pi + 0.01, 2 * np.pi - 0.01, 33)
    boxes = np.column_stack([np.zeros((33, 3)), np.ones((33, 3)), turns])
    rotation = lidar_to_nuscenes(boxes)[2]
    assert (rotation[:, 0] >= 0).all()
    np.testing.assert_allclose(2 * np.arctan2(rotation[:, 3], rotation[:, 0]),
                               (turns + np.pi) % (2 * np.pi) - np.pi, atol=1e-9)
