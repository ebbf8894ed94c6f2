import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.transforms.object_filters import keep_objects

RANGE = [-10, -5, -3, 10, 5, 1]


def sample(count, seed=0):
    """Objects whose every field says which one it is."""
    numbers = np.arange(count)
    random = np.random.default_rng(seed)
    boxes = np.zeros((count, 9), dtype=np.float32)
    boxes[:, :2] = random.uniform(-12, 12, (count, 2))
    boxes[:, 3:6], boxes[:, 8] = 2, numbers
    return dict(
        gt_bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9),
        gt_labels_3d=random.integers(-1, 3, count), gt_names=[str(number) for number in numbers],
        gt_keypoints_3d=Keypoints3D(
            torch.from_numpy(np.tile(numbers[:, None, None], (1, 14, 3)).astype(np.float32))),
        attr_labels=numbers.copy())


def who(results):
    """Numbers of the objects in a sample, after checking that all fields tell the same."""
    numbers = results['gt_bboxes_3d'].tensor[:, 8].numpy().astype(int)
    assert results['attr_labels'].tolist() == numbers.tolist()
    assert [int(name) for name in results['gt_names']] == numbers.tolist()
    assert results['gt_keypoints_3d'].points[:, 0, 0].tolist() == numbers.tolist()
    return numbers


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 12), st.integers(0, 1000))
def test_all_fields_stay_aligned(count, seed):
    results = sample(count, seed)
    before = dict(boxes=results['gt_bboxes_3d'].tensor.clone(), labels=results['gt_labels_3d'])
    TRANSFORMS.build(dict(type='KeepObjects', point_cloud_range=RANGE, classes=['a', 'b']))(results)
    kept = who(results)
    inside = ((before['boxes'][:, 0].abs() < 10) & (before['boxes'][:, 1].abs() < 5)).numpy()
    expected = np.flatnonzero(inside & (before['labels'] >= 0) & (before['labels'] < 2))
    assert kept.tolist() == expected.tolist()
    assert results['gt_labels_3d'].tolist() == before['labels'][expected].tolist()


def test_too_few_points():
    results = sample(3)
    boxes = results['gt_bboxes_3d'].tensor
    points = np.concatenate([np.tile(boxes[row, :3].numpy() + (0, 0, 1), (row, 1))
                             for row in range(3)]).astype(np.float32)
    results['points'] = LiDARPoints(points, points_dim=3)
    TRANSFORMS.build(dict(type='KeepObjects', min_points=2))(results)
    assert who(results).tolist() == [2]


def test_fields_that_are_already_out_of_step():
    results = sample(3)
    results['attr_labels'] = results['attr_labels'][:2]
    with pytest.raises(DataError, match='3 objects but 2 rows in attr_labels'):
        keep_objects(results, np.ones(3, dtype=bool))
    with pytest.raises(ConfigError, match='needs points'):
        TRANSFORMS.build(dict(type='KeepObjects', min_points=1))(sample(2))
