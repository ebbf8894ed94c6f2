"""A vehicle that drives forward and turns sees a pole; every sweep must show it at one place."""
from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import LoadPointsFromMultiSweeps
from mmdet3d.structures import LiDARPoints

import sparse3d.register  # noqa: F401  (repairs)

POLE = np.array([20., 5., 1.])  # meters, world


def vehicle_pose(time):
    """Sensor to world after ``time`` seconds at 10 m/s, turning 30 degrees a second."""
    yaw = np.radians(30) * time
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:3, 3] = [10 * time, 2 * time, 0.1 * time]
    return pose


def seen_from(time):
    return (np.linalg.inv(vehicle_pose(time)) @ [*POLE, 1])[:3]


@pytest.fixture
def sample(tmp_path):
    now, sweeps = 1.0, []
    for number, time in enumerate((0.9, 0.5, 0.0)):
        path = tmp_path / f'{number}.bin'
        np.array([*seen_from(time), 7, 0], dtype=np.float32).tofile(path)
        lidar2sensor = np.linalg.inv(vehicle_pose(time)) @ vehicle_pose(now)
        sweeps.append({'timestamp': time, 'lidar_points': {
            'lidar_path': str(path), 'lidar2sensor': lidar2sensor.tolist()}})
    points = torch.tensor([[*seen_from(now), 7, 0]], dtype=torch.float32)
    return {'points': LiDARPoints(points, 5), 'timestamp': now, 'lidar_sweeps': sweeps}


def load(sample, transform=LoadPointsFromMultiSweeps.transform):
    loader = LoadPointsFromMultiSweeps(sweeps_num=10, use_dim=[0, 1, 2, 3, 4], test_mode=True)
    return transform(loader, copy.deepcopy(sample))


def distances(loaded):
    return np.linalg.norm(loaded['points'].tensor[:, :3].numpy() - seen_from(1.0), axis=1)


def test_every_sweep_shows_the_pole_at_one_place(sample):
    loaded = load(sample)
    assert distances(loaded).max() < 1e-4
    torch.testing.assert_close(loaded['points'].tensor[:, 4], torch.tensor([0., .1, .5, 1.]))


def test_upstream_displaces_it_while_turning(sample):
    upstream = load(sample, LoadPointsFromMultiSweeps.transform.upstream)
    assert distances(upstream)[3] > 1.0


def test_the_info_stays_as_it_was(sample):
    assert load(sample)['lidar_sweeps'] == sample['lidar_sweeps']


def test_without_sweeps_the_key_frame_stays(sample):
    del sample['lidar_sweeps']
    assert len(load(sample)['points']) == 1
