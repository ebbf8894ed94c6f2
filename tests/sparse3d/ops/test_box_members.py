"""Members of boxes against a loop over pairs, with the faces of mmcv's kernel."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sparse3d.ops.box_members import box_members, first_boxes, in_boxes


def inside(point, box) -> bool:
    """One pair, in float64."""
    x, y, z = point - box[:3]
    along = x * math.cos(box[6]) + y * math.sin(box[6])
    across = y * math.cos(box[6]) - x * math.sin(box[6])
    return (0 <= z <= box[5]) and abs(along) < box[3] / 2 and abs(across) < box[4] / 2


def scene(points=300, boxes=12):
    cloud = torch.randint(-8, 8, (points, 3)).double() / 2  # many points on faces
    table = torch.randint(-4, 5, (boxes, 7)).double()
    table[:, 3:6] = torch.randint(0, 7, (boxes, 3))
    table[:, 6] = torch.where(torch.arange(boxes) % 2 == 0, 0.0, 0.3)
    return cloud, table


@pytest.mark.parametrize('at_once', [1, 1000, 1 << 20])
def test_against_loops_with_points_on_faces(at_once):
    points, boxes = scene()
    expected = np.array([[inside(point, box) for point in points.numpy()]
                         for box in boxes.numpy()])
    assert np.array_equal(in_boxes(points, boxes).numpy(), expected)
    box, point = box_members(points, boxes, at_once)
    assert np.array_equal(np.stack([box, point], 1), np.argwhere(expected))
    first = [of_point.nonzero()[0][0] if of_point.any() else -1 for of_point in expected.T]
    assert first_boxes(points, boxes).tolist() == first
    assert (expected.sum(0) > 1).any()  # boxes overlap


def test_bottom_and_top_count_and_the_sides_do_not():
    box = torch.tensor([[0.0, 0, 0, 4, 2, 1, 0]])
    points = torch.tensor([[0.0, 0, 0], [0, 0, 1], [2, 0, 0.5], [0, -1, 0.5], [1.9, 0.9, 0.5]])
    assert in_boxes(points, box).tolist() == [[True, True, False, False, True]]


def test_as_mmcv_on_a_cpu():
    from mmcv.ops import points_in_boxes_cpu
    points = torch.rand(1, 500, 3) * 10 - 5
    boxes = torch.rand(1, 20, 7) * torch.tensor([10.0, 10, 2, 4, 3, 3, 7]) - torch.tensor(
        [5.0, 5, 2, 0, 0, 0, 3.5])
    assert torch.equal(in_boxes(points[0], boxes[0]).T.int(), points_in_boxes_cpu(points, boxes)[0])


def test_nothing_and_a_nan():
    assert len(box_members(torch.zeros(0, 3), torch.ones(2, 7))[0]) == 0
    assert first_boxes(torch.zeros(3, 3), torch.zeros(0, 7)).tolist() == [-1, -1, -1]
    assert not in_boxes(torch.full((2, 3), torch.nan), torch.ones(2, 7)).any()
