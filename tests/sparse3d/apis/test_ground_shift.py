"""Where the ground lay in training, and matrices for shifted points."""
from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import Config
from torch import nn

from sparse3d.apis.ground_shift import (
    checked_height,
    finds_ground,
    ground_shift,
    shifted_calibration,
)
from sparse3d.errors import ConfigError
from sparse3d.structures.point_statistics import PointStatistics

TRAINING = PointStatistics(3, ('x', 'y', 'z'), (1, 2, 3), (-2.1, -2.0, -1.9), (1, 2, 3), None)


def config(kind, wrapped=False):
    dataset = dict(type=kind)
    return Config(dict(test_dataloader=dict(
        dataset=dict(type='RepeatDataset', dataset=dataset) if wrapped else dataset)))


@pytest.mark.parametrize(('kind', 'ground'), [
    ('KittiDetectionDataset', -1.73), ('NuScenesDetectionDataset', -1.84),
    ('WaymoDetectionDataset', 0.0), ('WaymoKeypointDataset', 0.0)])
def test_without_statistics_the_data_set_says_it(kind, ground):
    assert ground_shift(config(kind), None, 1.0) == pytest.approx(ground + 1.0)
    assert ground_shift(config(kind, wrapped=True), None, 1.0) == pytest.approx(ground + 1.0)


def test_statistics_come_first_and_nobody_knowing_is_said():
    assert ground_shift(config('KittiDetectionDataset'), TRAINING, 0.7) == pytest.approx(-1.3)
    assert ground_shift(config('CustomDetectionDataset'), TRAINING, None) == 0
    for unknown in (config('CustomDetectionDataset'), Config(dict(model=1))):
        with pytest.raises(ConfigError, match='where the ground lay in training'):
            ground_shift(unknown, None, 0.7)
    with pytest.raises(ConfigError, match='no height'):
        ground_shift(config('KittiDetectionDataset'), TRAINING, float('nan'))


def test_matrices_see_a_shifted_point_where_it_was():
    random = np.random.default_rng(0)
    given = dict(lidar2img=random.normal(size=(2, 3, 4)), lidar2cam=random.normal(size=(2, 4, 4)),
                 cam2img=np.eye(4), timestamps=[0, 1], lidar2global=random.normal(size=(4, 4)))
    shifted = shifted_calibration(given, 0.9)
    point, raised = np.array([3, 2, 1, 1.0]), np.array([3, 2, 1.9, 1.0])
    for key in ('lidar2img', 'lidar2cam', 'lidar2global'):
        np.testing.assert_allclose((shifted[key] @ raised)[..., :3], (given[key] @ point)[..., :3])
    assert shifted['cam2img'] is given['cam2img'] and shifted_calibration(given, 0) is given


@pytest.mark.parametrize('height', ['tall', '', None, True, [1.7], float('inf')])
def test_what_is_no_height_is_said(height):
    with pytest.raises(ConfigError, match='is no height in meters'):
        checked_height(height)
    assert checked_height('1.7') == checked_height(1.7) == 1.7


def test_a_model_that_finds_the_ground_is_told_by_its_preprocessor():
    model = nn.Module()
    assert not finds_ground(model)
    model.data_preprocessor = nn.Module()
    assert not finds_ground(model)
    model.data_preprocessor.sensor_height = None
    assert finds_ground(model)
