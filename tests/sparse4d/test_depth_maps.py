"""Depth maps by hand: the nearest point of a cell, limits, what is refused."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARPoints

from sparse3d.errors import ConfigError, DataError
from sparse4d.depth_maps import NOTHING, DepthMaps, depth_maps

# looks along y: u = 4 + 4 x / y, v = 4 - 4 z / y
CAMERA = np.array([[4.0, 4, 0, 0], [0, 4, -4, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def maps(*points, **options):
    return depth_maps(np.array(points, np.float32), CAMERA, (8, 8), (2, 4), 60.0, **options)


def test_the_nearest_point_of_a_cell_counts():
    fine, coarse = maps((0, 20, 0), (0, 10, 0), (0.1, 30, 0))
    assert fine.shape == (4, 4) and coarse.shape == (2, 2)
    assert fine[2, 2] == 10 and coarse[1, 1] == 10
    assert (fine == NOTHING).sum() == 15 and fine.dtype == np.float32


def test_far_points_count_as_the_limit_or_not_at_all():
    assert maps((0, 100, 0))[0].max() == 60
    assert maps((0, 100, 0), drop_far=True)[0].max() == NOTHING


def test_points_behind_too_near_and_beside_the_image():
    for point in ((0, -10, 0), (0, 0.05, 0), (11, 10, 0), (-12, 10, 0), (0, 10, 14)):
        assert maps(point)[0].max() == NOTHING


def sample(height=8, width=8):
    return dict(img=[np.zeros((height, width, 3), np.uint8)] * 2, img_shape=(height, width),
                points=LiDARPoints(torch.tensor([[0.0, 10, 0]]), points_dim=3),
                lidar2img=np.stack([CAMERA] * 2))


def test_a_sample_has_a_map_for_each_image_and_stride():
    found = DepthMaps(strides=(2, 4))(sample())['depth_maps']
    assert [level.shape for level in found] == [(2, 4, 4), (2, 2, 2)]


def test_sizes_and_strides_that_do_not_fit():
    with pytest.raises(DataError, match='8 x 6 pixels are no multiple of the stride 4'):
        DepthMaps(strides=(2, 4))(sample(8, 6))
    with pytest.raises(ConfigError, match='give positive numbers'):
        DepthMaps(strides=(0,))
