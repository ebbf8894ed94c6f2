"""Numbers of clouds, and who is warned of which difference."""
from __future__ import annotations

import json
import re
import warnings

import numpy as np
import pytest

from sparse3d.errors import Sparse3DWarning
from sparse3d.structures.point_statistics import (
    PointStatistics,
    TrainingComparison,
    differences,
    ground_height,
    numbers_of_cloud,
)

COLUMNS = ('x', 'y', 'z', 'intensity')


def street(seed=0, ground=-1.7, scale=1.0, count=6000, reach=25.0):
    """A ground with bumps of 5 cm, a tenth of the points up to 3 m above, a few deep below."""
    random = np.random.default_rng(seed)
    xyz = np.column_stack([random.uniform(-reach, reach, (count, 2)),
                           random.normal(ground, 0.05, count)])
    xyz[:count // 10, 2] += random.uniform(0, 3, count // 10)
    xyz[-20:, 2] -= 8
    return np.column_stack([xyz, scale * random.beta(1, 4, count)]).astype(np.float32)


@pytest.fixture(scope='module')
def training():
    return PointStatistics.of([numbers_of_cloud(street(seed)) for seed in range(5)], COLUMNS)


def test_numbers_of_a_street(training):
    assert training.frames == 5 and training.points == (6000, 6000, 6000)
    assert training.ground[1] == pytest.approx(-1.75, abs=0.05)
    assert training.distance[1] == pytest.approx(33, abs=1)
    # 1 - (1 - q)^4 of the beta distribution
    np.testing.assert_allclose(training.intensity, [0.0025, 0.159, 0.684], atol=0.03)


def test_they_survive_a_checkpoint(training):
    stored = json.loads(json.dumps(training.to_meta()))
    assert PointStatistics.from_meta({'point_statistics': stored}) == training
    for other in ({}, {'point_statistics': None}, {'point_statistics': [1]},
                  {'point_statistics': {'frames': 1}},
                  *({'point_statistics': {**stored, key: wrong}} for key, wrong in (
                      ('frames', 'many'), ('columns', 3), ('points', [1, 2]), ('ground', 'abc'),
                      ('distance', None), ('intensity', [0, 1, float('nan')]), ('points', 7)))):
        assert PointStatistics.from_meta(other) is None


@pytest.mark.parametrize(('change', 'kind', 'says'), [
    (dict(scale=255), 'intensity', r'below 17\d, in training below 0.6\d+ .*-scale 0.003'),
    (dict(scale=0), 'intensity', 'all intensities are 0'),
    (dict(ground=-0.6), 'ground', r'at z -0.6\d m, in training at -1.7\d m .*--sensor-height'),
    (dict(ground=-2.9), 'ground', r'at z -2.9'),
    (dict(count=1000, reach=12), 'points', '1,000 points lie in the range, in training 6,000'),
    (dict(reach=80), 'distance', r'99 % of the points lie within 10\d\.\d m'),
])
def test_each_difference_has_its_numbers(training, change, kind, says):
    found = differences(numbers_of_cloud(street(9, **change)), training)
    assert kind in found
    assert re.search(says, found[kind]), found[kind]


def test_what_is_alike_is_silent(training):
    for change in (dict(), dict(ground=-1.4), dict(scale=2), dict(count=2000), dict(reach=15)):
        assert differences(numbers_of_cloud(street(9, **change)), training) == {}


def test_limits_ground_and_columns():
    cloud = street()
    inside = numbers_of_cloud(cloud, COLUMNS, [0, -10, -3, 20, 10, 1])
    assert inside.points < 1500 and inside.distance < 23
    assert numbers_of_cloud(cloud + 1000, COLUMNS, [0, -10, -3, 20, 10, 1]) is None
    assert ground_height(cloud[:30]) is None
    ages = numbers_of_cloud(cloud, ('x', 'y', 'z', 'age'))
    assert ages.intensity is None and numbers_of_cloud(cloud[:, :3], COLUMNS).intensity is None


def test_each_kind_is_said_once(training):
    look = TrainingComparison(training).look
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        look(street(1), 'alike')
        look(street(1, scale=255), 'first')
        look(street(2, scale=255), 'second')
        look(street(2, scale=255, ground=0), 'third')
        look(None, 'no points')
        TrainingComparison(None).look(street(1, scale=255), 'nothing known')
    assert [item.category for item in caught] == [Sparse3DWarning] * 2
    first, second = (str(item.message) for item in caught)
    assert first.startswith('the points of first do not look like those of the training: 99 %')
    assert 'third' in second and 'ground' in second and 'intensities' not in second


def test_the_ground_of_real_frames(real_data_dir):
    """KITTI's sensor is mounted 1.73 m high, that of nuScenes 1.84 m."""
    kitti = sorted((real_data_dir / 'kitti/training/velodyne').glob('*.bin'))
    nuscenes = list((real_data_dir / 'nuscenes_frame').glob('*LIDAR_TOP*.bin'))
    found = [ground_height(np.fromfile(path, np.float32).reshape(-1, width))
             for paths, width in ((kitti, 4), (nuscenes, 5)) for path in paths]
    np.testing.assert_allclose(found, [-1.73] * 3 + [-1.84], atol=0.25)
