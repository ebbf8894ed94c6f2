"""A cloud outside of the range and voxels beyond the limit: once, with numbers."""
from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from torch import nn

from sparse3d.apis.cloud_warnings import CloudWarnings
from sparse3d.errors import Sparse3DWarning
from sparse3d.structures.point_statistics import PointStatistics


class Model(nn.Module):
    def __init__(self, max_voxels):
        super().__init__()
        self.voxel_layer = nn.Module()
        vars(self.voxel_layer).update(point_cloud_range=[0, -10, -3, 20, 10, 1],
                                      voxel_size=[1, 1, 4], max_voxels=max_voxels)


def said(look, *clouds):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for number, cloud in enumerate(clouds):
            look(cloud, f'cloud {number}')
    assert all(item.category is Sparse3DWarning for item in caught)
    return [str(item.message) for item in caught]


@pytest.fixture
def inside():
    return np.random.default_rng(0).uniform([0, -10, -3, 0], [20, 10, 1, 1],
                                            (500, 4)).astype(np.float32)


@pytest.mark.parametrize('change', [
    lambda cloud: cloud + np.float32([691000, 0, 0, 0]), lambda cloud: cloud * 1000 + 30000,
    lambda cloud: cloud + np.float32([0, 0, 9, 0]),
    lambda cloud: cloud * [-1, 1, 1, 1] - [1, 0, 0, 0]])
def test_a_cloud_outside_of_the_range(inside, change):
    look = CloudWarnings(Model(1000)).look
    sentence, = said(look, inside, change(inside).astype(np.float32), change(inside))
    assert 'none of the 500 points of cloud 1' in sentence
    assert 'x 0 to 20, y -10 to 10, z -3 to 1' in sentence and 'they lie at x ' in sentence


@pytest.mark.parametrize('limit', [50, (9999, 50)])
def test_more_voxels_than_the_model_takes(inside, limit):
    cells = len(np.unique(np.floor(inside[:, :2]), axis=0))
    sentence, = said(CloudWarnings(Model(limit)).look, inside[:50], inside, inside)
    assert f'cloud 1 fills {cells} voxels, the model takes the first 50' in sentence


def test_what_is_normal_is_silent(inside):
    assert said(CloudWarnings(Model(1000)).look, inside, inside[:0], inside[:1]) == []
    assert said(CloudWarnings(Model(-1)).look, inside) == []
    assert said(CloudWarnings(nn.Linear(1, 1)).look, inside + 1e4) == []


class FindsGround(Model):
    def __init__(self, sensor_height=None):
        super().__init__(-1)
        self.voxel_layer.point_cloud_range = [-20, -20, -2, 20, 20, 4]
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.sensor_height = sensor_height


TRAINING = PointStatistics(3, ('x', 'y', 'z'), (1000, 5000, 20000), (-2.5, -1.7, -.6),
                           (15, 20, 25), None)


def floor(height, reach=18):
    rng = np.random.default_rng(1)
    return np.column_stack([rng.uniform(-reach, reach, (6000, 2)),
                            np.full(6000, -height)]).astype(np.float32)


@pytest.mark.parametrize('height', [.5, 1.7, 2.8, 6, 15])
def test_a_model_that_finds_the_ground_takes_any_height(height):
    assert said(CloudWarnings(FindsGround()).look, floor(height)) == []
    sentence, = said(CloudWarnings(FindsGround()).look, floor(height) * [1000, 1000, 1] + 30000)
    assert 'none of the 6,000 points' in sentence and ', y -20 to 20: they lie' in sentence


@pytest.mark.parametrize('given, height, sentence', [
    (None, 1.7, None), (None, 2.9, None), (1.7, 1.5, None), (0, 0, None), (6, 6, None),
    (None, 15, 'the ground is found at z -15.00 m, in training -2.50 to -0.60 m'),
    (None, -.3, 'z 0.30 m, .*see that z is up and in meters'),
    (1.7, 0, 'z 0.00 m, and sensor_height=1.7 puts it at -1.70 m'),
    (1730., 1.73, 'sensor_height=1730 puts it at -1730.00 m')])
def test_what_is_odd_about_the_ground_is_said_once(given, height, sentence):
    compare = CloudWarnings(FindsGround(given), TRAINING).compare
    found = said(compare, floor(height), floor(height))
    assert len(found) == (sentence is not None)
    assert sentence is None or re.search(sentence, found[0]), found


def test_a_cloud_without_ground_is_said():
    angle = np.linspace(-np.pi, np.pi, 6000, dtype=np.float32)
    ring = np.column_stack([17 * np.cos(angle), 17 * np.sin(angle), 0 * angle])
    sentence, = said(CloudWarnings(FindsGround(), TRAINING).compare, ring, ring)
    assert 'no ground is seen around the sensor, which is taken to be 1.8 m above it' in sentence
