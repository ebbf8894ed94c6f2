"""The order of polygon corners; with it, mmcv's differentiable overlap is the exact one."""
from __future__ import annotations

import torch
from mmcv.ops import diff_iou_rotated_2d, diff_iou_rotated_3d

import sparse3d.compat.applied  # noqa: F401
from sparse3d.ops.rotated_iou import rotated_iou_bev_aligned
from sparse3d.ops.sort_vertices import sort_vertices


def test_a_square_by_hand():
    vertices = torch.zeros(1, 24, 2)
    corners = torch.tensor([[-1.0, -1], [1, 1], [1, -1], [-1, 1]])
    vertices[0, [0, 3, 10, 12]] = corners
    valid = torch.zeros(1, 24, dtype=torch.bool)
    valid[0, [0, 3, 10, 12]] = True
    rows = sort_vertices(vertices, valid, valid.sum(1))
    assert rows.tolist() == [[3, 12, 0, 10, 3, 8, 8, 8, 8]]


def test_counter_clockwise_for_any_polygon():
    angles = torch.rand(50, 6).sort(1).values * 6.28
    vertices = torch.zeros(50, 24, 2)
    listed = torch.stack([torch.randperm(24)[:6] for _ in range(50)])
    valid = torch.zeros(50, 24, dtype=torch.bool).scatter_(1, listed, True)
    corners = torch.stack([angles.cos(), angles.sin()], 2)
    vertices.scatter_(1, listed[..., None].expand(-1, -1, 2), corners)
    rows = sort_vertices(vertices, valid, valid.sum(1))
    assert torch.equal(rows[:, :6], listed) and torch.equal(rows[:, 6], listed[:, 0])


def test_too_few_corners_and_no_polygons():
    vertices, valid = torch.rand(2, 24, 2), torch.zeros(2, 24, dtype=torch.bool)
    valid[0, [0, 8]] = True
    assert sort_vertices(vertices, valid, valid.sum(1)).tolist() == [[9] * 9, [8] * 9]
    assert sort_vertices(vertices[:0], valid[:0], valid[:0].sum(1)).shape == (0, 9)


def boxes(number):
    return torch.rand(1, number, 5) * torch.tensor([3.0, 3, 3, 2, 6]) + torch.tensor(
        [0, 0, 0.5, 0.5, 0])


def test_mmcvs_overlap_is_the_exact_one_and_has_gradients():
    a, b = boxes(200), boxes(200)
    exact = rotated_iou_bev_aligned(a[0].double(), b[0].double())
    ours = diff_iou_rotated_2d(a.requires_grad_(), b)
    assert torch.allclose(ours[0].double(), exact, atol=1e-4) and (exact > 0.1).sum() > 50
    ours.sum().backward()
    assert a.grad.isfinite().all() and a.grad.any()


def test_equal_boxes_overlap_wholly():
    a = torch.tensor([[[1.0, 2, 0, 4, 2, 1.5, 0.3], [0, 0, 0, 1, 1, 1, 0.1]]])
    assert torch.allclose(diff_iou_rotated_3d(a, a), torch.ones(1, 2), atol=1e-4)
