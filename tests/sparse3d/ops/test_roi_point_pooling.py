from __future__ import annotations

import pytest
import torch

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.box_members import in_boxes
from sparse3d.ops.roi_point_pooling import roi_point_pool


@pytest.mark.parametrize('backend', ['auto', 'reference'])
@pytest.mark.parametrize('count', [1, 5, 1000])
def test_against_loops(count, backend):
    points = torch.rand(300, 3) * 8 - 4
    boxes = torch.rand(6, 7) * torch.tensor([8.0, 8, 2, 5, 4, 4, 7]) - torch.tensor(
        [4.0, 4, 3, 0, 0, 0, 3.5])
    boxes[2, 0] = 100
    rows, empty = roi_point_pool(points, boxes, count, backend)
    assert empty[2] and not rows[2].any() and not empty.all()
    for box in range(len(boxes)):
        inside = in_boxes(points, boxes[box:box + 1])[0].nonzero().squeeze(1).tolist()
        assert bool(empty[box]) == (not inside)
        first = inside[:count]
        for place in range(count if inside else 0):
            assert rows[box, place] == first[place % len(first)]


def test_no_boxes_no_points():
    assert roi_point_pool(torch.rand(5, 3), torch.zeros(0, 7), 4)[0].shape == (0, 4)
    rows, empty = roi_point_pool(torch.zeros(0, 3), torch.ones(2, 7), 4)
    assert empty.all() and not rows.any()
    with pytest.raises(BackendUnavailable, match="no backend 'heap'"):
        roi_point_pool(torch.rand(5, 3), torch.zeros(0, 7), 4, backend='heap')
