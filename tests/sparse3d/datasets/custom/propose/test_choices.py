"""Values by what was measured: whole voxels, strides, limits; each with its reason."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.datasets.custom.propose.choices import LOOSE, STRICT, choose
from sparse3d.datasets.custom.propose.measure import ClassNumbers, DataNumbers
from sparse3d.errors import DataError


def numbers(low=(3, -15), high=(45, 12), size=(4.2, 1.8, 1.5), **changes):
    random = np.random.default_rng(0)
    boxes = np.column_stack([random.uniform(low, high, (500, 2)), np.full(500, -1.7),
                             np.tile(size, (500, 1)), np.zeros(500)])
    cloud = np.column_stack([random.uniform(low, high, (2000, 2)), np.full(2000, -1.7)])
    one = ClassNumbers('Car', 500, 3, size, min(size[:2]))
    return replace(DataNumbers((40, 10), (one, ), {}, 4, boxes, 7, 0.0, (cloud, ), -1.7), **changes)


def whole(choices):
    """Range, voxels and grid agree as the network wants it."""
    low, high = np.reshape(choices.point_cloud_range, (2, 3))
    cells = (high - low) / choices.voxel_size
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-3)
    assert tuple(np.round(cells).astype(int)[::-1] + [1, 0, 0]) == choices.grid_shape
    assert choices.grid_shape[0] == 41 and max(choices.grid_shape[1:]) <= 1024
    assert all(count % 8 == 0 for count in choices.grid_shape[1:])


def test_cars_ahead():
    found = choose(numbers())
    whole(found)
    low, high = np.reshape(found.point_cloud_range, (2, 3))
    assert low[0] == 0 and 47 <= high[0] <= 48.5 and low[1] == -high[1] and 17 <= high[1] <= 18
    assert low[2] == pytest.approx(-2.2) and high[2] == pytest.approx(1.8)
    assert found.voxel_size[:2] == (0.15, 0.15) and found.iou_thresholds == STRICT
    assert found.nms_threshold == 0.1 and not found.all_around and found.max_objects == 50
    assert found.epochs == 80  # 20 steps an epoch
    assert found.max_voxels[1] >= 1.3 * 1500
    assert set(found.reasons) == {
        'class_names', 'point_cloud_range', 'voxel_size', 'height', 'max_voxels', 'max_objects',
        'nms_threshold', 'iou_thresholds', 'epochs'}


def test_people_all_around():
    found = choose(numbers((-30, -20), (30, 20), (0.8, 0.6, 1.8)))
    whole(found)
    assert found.all_around and found.voxel_size[0] == pytest.approx(0.075)
    assert 'a smaller range allows finer voxels' in found.reasons['voxel_size']
    assert found.point_cloud_range[0] == -found.point_cloud_range[3]
    assert found.iou_thresholds == LOOSE and 'IoU of 0.3' in found.reasons['iou_thresholds']


@pytest.mark.parametrize('seed', range(30))
def test_any_extent_gives_whole_voxels(seed):
    random = np.random.default_rng(seed)
    low, high = random.uniform(-150, 5, 2), random.uniform(8, 250, 2)
    found = choose(numbers(low, high, tuple(random.uniform(0.2, 12, 3))))
    whole(found)
    limits = np.reshape(found.point_cloud_range, (2, 3))
    inside = numbers(low, high).boxes[:, :2]
    assert ((inside > limits[0, :2]) & (inside < limits[1, :2])).all(1).mean() > 0.97


def test_stacked_boxes_rare_classes_and_length():
    found = choose(numbers(overlap=0.32, rare=dict(Dog=2), max_objects=90, frames=(5000, 10)))
    assert found.nms_threshold == pytest.approx(0.4) and found.max_objects == 180
    assert 'left out, too few objects: Dog 2' in found.reasons['class_names']
    assert found.epochs == 6


def test_objects_too_far_apart_are_refused():
    with pytest.raises(DataError, match='further than a grid of voxels reaches'):
        choose(numbers((0, 0), (5000, 10)))
