"""Points in boxes against mmdet3d's corner planes, mmcv's operator and the plain loop."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mmcv.ops import points_in_boxes_cpu
from mmdet3d.structures.ops import points_in_rbbox

from sparse3d.errors import BackendUnavailable
from sparse3d.ops import points_in_boxes as operator
from sparse3d.ops.points_in_boxes import count_points_in_boxes, points_in_boxes


def scene(points=4000, boxes=40):
    cloud = torch.rand(points, 3) * torch.tensor([40.0, 40.0, 4.0]) - torch.tensor([20.0, 20, 2])
    table = torch.rand(boxes, 7) * torch.tensor([40.0, 40.0, 2.0, 5.0, 3.0, 2.0, 7.0])
    return cloud, table - torch.tensor([20.0, 20.0, 2.0, -0.5, -0.5, -0.5, 3.5])


def test_a_turned_box_by_hand():
    box = torch.tensor([[10.0, 0.0, -1.0, 4.0, 2.0, 1.5, math.pi / 2]])  # 4 m along y
    points = torch.tensor([[10.0, 1.9, 0.0], [10.9, 0.0, 0.0], [11.5, 0.0, 0.0],
                           [10.0, 2.1, 0.0], [10.0, 0.0, -1.0], [10.0, 0.0, 0.6]])
    assert points_in_boxes(points, box).tolist() == [0, 0, -1, -1, 0, -1]
    assert count_points_in_boxes(points, box).tolist() == [3]


def test_first_of_two_boxes_owns_a_shared_point():
    boxes = torch.tensor([[5.0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 4, 4, 4, 0], [0, 0, 0, 2, 2, 2, 0]])
    point = torch.tensor([[0.0, 0.0, 1.0]])
    assert points_in_boxes(point, boxes).tolist() == [1]
    assert points_in_boxes(point, boxes[[2, 1]]).tolist() == [0]
    assert count_points_in_boxes(point, boxes).tolist() == [0, 1, 1]


def test_agrees_with_planes_through_the_corners():
    points, boxes = scene()
    expected = points_in_rbbox(points.numpy().astype(np.float64),
                               boxes.numpy().astype(np.float64))       # [N, M]
    first = np.where(expected.any(1), expected.argmax(1), -1)
    assert (first >= 0).sum() > 200
    assert points_in_boxes(points.double(), boxes).tolist() == first.tolist()
    assert count_points_in_boxes(points.double(), boxes).tolist() == expected.sum(0).tolist()


def test_agrees_with_mmcv():
    points, boxes = scene()
    expected = points_in_boxes_cpu(points[None], boxes[None])[0]       # [N, M]
    assert torch.equal(points_in_boxes(points, boxes) >= 0, expected.any(1))
    assert torch.equal(count_points_in_boxes(points, boxes), expected.sum(0))


@pytest.mark.parametrize('pairs', [1, 100, 1 << 21])
def test_slices_agree_with_the_reference_in_chunks_of_any_size(pairs, monkeypatch):
    points, boxes = scene()
    monkeypatch.setitem(operator.PAIRS_AT_ONCE, 'cpu', pairs)
    monkeypatch.setattr(operator, 'COMPARED_AT_ONCE', 4 * pairs)
    expected = points_in_boxes(points, boxes, backend='reference')
    counts = count_points_in_boxes(points, boxes)
    assert torch.equal(points_in_boxes(points, boxes), expected)
    monkeypatch.setattr(operator, 'points_near_boxes', lambda *_: None)  # as without kernels
    assert torch.equal(points_in_boxes(points, boxes), expected)
    assert torch.equal(count_points_in_boxes(points, boxes), counts)


@pytest.mark.parametrize('backend', ['fast', 'reference'])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.int64])
def test_coarse_points_do_not_make_boxes_coarse(dtype, backend):
    points = torch.tensor([[64, 0, 0], [66, 0, 0]]).to(dtype)
    boxes = torch.tensor([[64.9, 0, 0, 2.0, 1, 1, 0]])  # in bfloat16 at 65, in integers at 64
    assert points_in_boxes(points, boxes, backend).tolist() == [0, -1]


def test_columns_beyond_position_and_velocity_are_ignored():
    points, boxes = scene(100, 5)
    wide = points_in_boxes(torch.rand(100, 5).index_copy(1, torch.arange(3), points),
                           torch.cat([boxes, torch.rand(5, 2)], 1))
    assert torch.equal(wide, points_in_boxes(points, boxes))


@pytest.mark.parametrize('n, m', [(0, 0), (0, 3), (5, 0)])
def test_nothing_to_hold(n, m):
    points, boxes = torch.rand(n, 3), torch.rand(m, 7)
    assert points_in_boxes(points, boxes).tolist() == [-1] * n
    assert count_points_in_boxes(points, boxes).tolist() == [0] * m


def test_points_that_are_not_finite_lie_in_no_box():
    points = torch.tensor([[float('nan'), 0, 0], [0, float('nan'), 0], [float('inf'), 0, 0],
                           [0.0, 0.0, 0.0]])
    box = torch.tensor([[0.0, 0, -1, 2, 2, 2, 0]])
    assert points_in_boxes(points, box).tolist() == [-1, -1, -1, 0]


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match='points'):
        points_in_boxes(torch.zeros(2, 2), torch.zeros(1, 7))
    with pytest.raises(ValueError, match='boxes'):
        count_points_in_boxes(torch.zeros(2, 3), torch.zeros(1, 5))
    with pytest.raises(BackendUnavailable, match='no backend'):
        points_in_boxes(torch.zeros(2, 3), torch.zeros(1, 7), backend='cuda')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
def test_gpu_agrees_with_the_cpu():
    points, boxes = scene()
    owner = points_in_boxes(points.cuda(), boxes.cuda())
    assert torch.equal(owner.cpu(), points_in_boxes(points, boxes))


def test_a_device_of_another_kind_has_a_size_of_chunks():
    """There the answers have no values: the chunks are laid out all the same."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  (a meta tensor has no values to read)
        points_in_boxes(torch.zeros(5, 3, device='meta'), torch.zeros(2, 7, device='meta'))
    assert not isinstance(caught.value, KeyError)
