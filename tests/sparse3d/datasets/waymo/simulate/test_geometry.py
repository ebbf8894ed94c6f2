"""The simulator's own geometry of range images, judged by hand and by an official frame."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.waymo.frame import LidarCalibration
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.simulate.geometry import (
    inclinations_of_rows,
    measured_points,
    points_in_vehicle,
    rays_of_pixels,
)

LEVEL = LidarCalibration(np.eye(4), -0.4, 0.4, None)


def test_a_turn_begins_behind_and_goes_clockwise():
    """Of four columns the first one looks behind to the left, the second one ahead to the left."""
    x, y, z = np.moveaxis(rays_of_pixels(LEVEL, 2, 4), -1, 0)
    assert np.sign(x[0]).tolist() == [-1, 1, 1, -1] and np.sign(y[0]).tolist() == [1, 1, -1, -1]
    np.testing.assert_allclose(np.degrees(np.arctan2(y[0], x[0])), [135, 45, -45, -135])
    np.testing.assert_allclose(np.arcsin(z[:, 0]), [0.2, -0.2])  # the highest row first
    np.testing.assert_allclose(x ** 2 + y ** 2 + z ** 2, 1)


def test_listed_rows_are_stored_lowest_first():
    listed = LidarCalibration(np.eye(4), 0, 0, np.array([-0.3, 0.1]))
    assert inclinations_of_rows(listed, 2).tolist() == [0.1, -0.3]


def test_columns_are_parts_of_the_turn_in_the_vehicle_frame():
    """However the sensor is mounted, its first column looks behind the vehicle."""
    turned = LidarCalibration(np.eye(4), -0.4, 0.4, None)
    turned.extrinsic[:2, :2] = [[0, -1], [1, 0]]
    turned.extrinsic[:3, 3] = 1, 2, 3
    distance = np.full((2, 4), 10.0)
    np.testing.assert_allclose(points_in_vehicle(distance, turned),
                               points_in_vehicle(distance, LEVEL) + (1, 2, 3), atol=1e-12)


def test_equal_to_the_official_points(record_file, official):
    """Every fifteenth point of both returns of five LiDARs, TOP with a pose of each pixel."""
    compared = 0
    for frame in read_v1(record_file):
        scans = dict(frame.scans)
        for lidar, scan in scans.items():
            frame.scans = {lidar: scan}
            counts = [int((image[..., 0] > 0).sum()) for image in scan.returns]
            points = measured_points(frame)
            assert len(points.xyz) == sum(counts) and set(points.lidar) <= {lidar}
            for number, xyz in enumerate(np.split(points.xyz, counts[:1]), start=1):
                key = f'frame{frame.index}/lidar{lidar}/return{number}/'
                assert len(xyz) == official[f'{key}count']
                stored = official[f'{key}xyz_float64']
                np.testing.assert_allclose(xyz[::15], stored, rtol=0, atol=1e-9)
                compared += len(stored)
    assert compared > 1000


def test_every_point_of_the_golden(golden_dir, record_file):
    with np.load(golden_dir / 'waymo_frame' / 'point_clouds.npz') as official:
        for frame in read_v1(record_file):
            points = measured_points(frame)
            keys = [f'frame{frame.index}/lidar{lidar}/return{number}/xyz_float64'
                    for number in (1, 2) for lidar in range(1, 6)]
            np.testing.assert_allclose(
                points.xyz, np.concatenate([official[key] for key in keys]), rtol=0, atol=1e-9)


@pytest.mark.parametrize('angles', [(0.1, -0.2, 0.7), (-0.4, 0.3, -2.0)])
def test_roll_pitch_and_yaw_of_a_pixel(record_file, angles):
    """The official frame drives on a plane; a pixel's pose may tilt as well."""
    frame = next(read_v1(record_file))
    roll, pitch, yaw = np.float32(angles).astype(np.float64)
    plain = frame.scans[1]
    plain.pixel_pose, frame.scans = None, {1: plain}
    still = measured_points(frame).xyz
    plain.pixel_pose = np.zeros((*plain.returns[0].shape[:2], 6), np.float32)
    plain.pixel_pose[..., :3] = angles
    frame.ego2global = np.eye(4)
    x, y, z = still.T
    y, z = y * np.cos(roll) - z * np.sin(roll), y * np.sin(roll) + z * np.cos(roll)
    x, z = x * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - x * np.sin(pitch)
    x, y = x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)
    np.testing.assert_allclose(measured_points(frame).xyz, np.stack([x, y, z], 1), atol=1e-9)


def test_a_frame_without_lidars_has_no_points(record_file):
    frame = next(read_v1(record_file))
    frame.scans = {}
    assert measured_points(frame).xyz.shape == (0, 3)
