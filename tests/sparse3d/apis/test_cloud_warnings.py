"""A cloud outside of the range and voxels beyond the limit: once, with numbers."""
from __future__ import annotations

import warnings

import numpy as np
import pytest
from torch import nn

from sparse3d.apis.cloud_warnings import CloudWarnings
from sparse3d.errors import Sparse3DWarning


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
