from __future__ import annotations

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.visualization.box_lines import EDGES, box_corners, box_segments, heading_marks

BOX = np.array([[10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]])


def test_corners_of_a_box_along_x():
    corners = box_corners(BOX)[0]
    assert corners[:, 0].tolist() == [12, 12, 8, 8] * 2     # 0 and 1 at the front
    assert corners[:, 1].tolist() == [1, 3, 3, 1] * 2
    assert corners[:, 2].tolist() == [-1.0] * 4 + [0.5] * 4


def test_corners_agree_with_mmdet3d():
    boxes = np.random.default_rng(0).uniform(-3, 3, (20, 9))
    boxes[:, 3:6] = abs(boxes[:, 3:6]) + 0.5
    theirs = LiDARInstance3DBoxes(torch.from_numpy(boxes), box_dim=9).corners.numpy()
    for ours, other in zip(box_corners(boxes), theirs, strict=True):
        order = np.lexsort(ours.round(3).T)
        np.testing.assert_allclose(ours[order], other[np.lexsort(other.round(3).T)], atol=1e-4)


def test_edges_join_neighbors():
    corners = box_corners(BOX)[0]
    lengths = np.linalg.norm(corners[EDGES[:, 0]] - corners[EDGES[:, 1]], axis=1)
    assert sorted(lengths.tolist()) == [1.5] * 4 + [2.0] * 4 + [4.0] * 4


def test_the_heading_mark_points_ahead():
    box = BOX.copy()
    box[0, 6] = np.pi / 2
    start, end = heading_marks(box)[0]
    np.testing.assert_allclose(start, [10, 2, -1])
    np.testing.assert_allclose(end, [10, 2 + 2 + 1, -1])


def test_no_boxes():
    none = np.zeros((0, 7))
    assert box_segments(none).shape == (0, 2, 3)
    assert box_corners(none).shape == (0, 8, 3) and heading_marks(none).shape == (0, 2, 3)
    assert box_segments(BOX).shape == (13, 2, 3)
