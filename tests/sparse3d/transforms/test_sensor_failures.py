"""Sensors taken away on purpose."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARPoints

from sparse3d.errors import ConfigError
from sparse3d.transforms.sensor_failures import (
    BEAM_STEP,
    LOWEST_BEAM,
    DropBeams,
    DropCameras,
    DropPoints,
)


def test_no_points_are_left():
    results = DropPoints()(dict(points=LiDARPoints(torch.rand(7, 5), points_dim=5)))
    assert results['points'].tensor.shape == (0, 5)


def test_every_second_beam_stays():
    elevation = np.radians(LOWEST_BEAM + BEAM_STEP * np.arange(32))
    xyz = np.stack([20 * np.cos(elevation), 0 * elevation, 20 * np.sin(elevation)], axis=1)
    points = torch.from_numpy(xyz).float()
    kept = DropBeams(2)(dict(points=LiDARPoints(points, points_dim=3)))['points'].tensor
    torch.testing.assert_close(kept, points[::2])
    same = DropBeams(1)(dict(points=LiDARPoints(points, points_dim=3)))['points'].tensor
    assert len(same) == 32
    with pytest.raises(ConfigError, match='1 or more'):
        DropBeams(0)


def cameras() -> dict:
    return dict(img=[np.full((2, 3, 3), 9, np.uint8) for _ in range(2)],
                view_names=['CAM_FRONT', 'CAM_BACK'], image_valid=np.array([True, True]))


def test_a_camera_is_blacked_out_and_said_to_be():
    results = DropCameras(['CAM_BACK'])(cameras())
    assert [int(image.max()) for image in results['img']] == [9, 0]
    assert results['image_valid'].tolist() == [True, False]
    assert not DropCameras()(cameras())['image_valid'].any()
    assert DropCameras(said=False)(cameras())['image_valid'].all()
    with pytest.raises(ConfigError, match='CAM_SIDE'):
        DropCameras(['CAM_SIDE'])(cameras())
