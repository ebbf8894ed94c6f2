"""Shuffled as mmdet3d does it, from the same seed."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import PointShuffle
from mmdet3d.structures import LiDARPoints

from sparse3d.transforms.shuffle_points import ShufflePoints


def sample(count):
    random = np.random.default_rng(0)
    return dict(points=LiDARPoints(torch.randn(count, 5), points_dim=5),
                pts_semantic_mask=random.integers(0, 9, count), pts_instance_mask=None)


@pytest.mark.parametrize('count', [0, 1, 700])
def test_order_and_labels_are_those_of_mmdet3d(count):
    given, found = sample(count), []
    for transform in (ShufflePoints(), PointShuffle()):
        torch.manual_seed(3)
        results = {**given, 'points': given['points'].clone()}
        found.append(transform.transform(results))
    ours, theirs = found
    assert torch.equal(ours['points'].tensor, theirs['points'].tensor)
    assert np.array_equal(ours['pts_semantic_mask'], theirs['pts_semantic_mask'])
    assert ours['pts_instance_mask'] is None and type(ours['points']) is LiDARPoints
    assert count < 2 or not torch.equal(ours['points'].tensor, given['points'].tensor)
