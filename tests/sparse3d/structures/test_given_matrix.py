"""Matrices that are taken, and those that are refused in a sentence."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import DataError
from sparse3d.structures.given_matrix import camera_place, given_matrix, given_pose

MOVED = np.array([[0, -1, 0, 5.0], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize('value', [MOVED, MOVED.tolist(), torch.from_numpy(MOVED)])
def test_matrices_come_back_as_they_are(value):
    for take in (given_matrix, given_pose, lambda value, _: camera_place(dict(lidar2cam=value))):
        assert take(value, 'a pose').tolist() == MOVED.tolist()
    projection = np.diag([700.0, 700, 1, 1]) @ MOVED
    assert given_matrix(projection, 'lidar2img').tolist() == projection.tolist()


@pytest.mark.parametrize(('value', 'said'), [
    (np.eye(3), r'shape \(3, 3\)'), (MOVED.T, 'transposed'), (np.zeros((4, 4)), 'inverted'),
    (np.full((4, 4), np.nan), 'NaN'), ([[1, 2], [3]], 'differ in length'),
    (np.ones((4, 4), complex), 'no real numbers'), ('pose.txt', 'no real numbers'),
    (np.diag([2.0, 2, 2, 1]), 'changes lengths'), (np.diag([1.0, -1, 1, 1]), 'mirrors')])
def test_poses_that_are_none(value, said):
    with pytest.raises(DataError, match=said) as caught:
        given_pose(value, 'lidar2global')
    assert str(caught.value).startswith('lidar2global')
