from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import Function, gradcheck

from sparse3d.ops.box_members import in_boxes, local_offsets
from sparse3d.ops.roi_aware_pooling import roi_aware_pool, roi_aware_pool_backward

GRID = (2, 3, 2)


def given(points=200, boxes=4, channels=3):
    cloud = torch.rand(points, 3, dtype=torch.float64) * 6 - 3
    table = torch.tensor([[0.0, 0, -2, 5, 4, 4, 0.4], [1, 1, -1, 3, 3, 2, -2.0],
                          [50, 0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]],
                         dtype=torch.float64)[:boxes]
    features = torch.randint(0, 4, (points, channels)).double()  # many equal maxima
    return table, cloud, features


def by_loops(boxes, points, features, max_points, mode):
    """mmcv's kernels: collect points by row, then pool, cell by cell."""
    lists = {}
    inside = in_boxes(points, boxes)
    for box in range(len(boxes)):
        along, across = local_offsets(points, boxes[box])
        for row in inside[box].nonzero().squeeze(1).tolist():
            size = boxes[box, 3:6]
            offset = (along[row] + size[0] / 2, across[row] + size[1] / 2,
                      points[row, 2] - boxes[box, 2])
            cell = tuple(min(max(int(offset[k] / (size[k] / GRID[k])), 0), GRID[k] - 1)
                         for k in range(3))
            if len(lists.setdefault((box, *cell), [])) < max_points:
                lists[(box, *cell)].append(row)
    shape = (len(boxes), *GRID, features.shape[1])
    pooled, argmax = np.zeros(shape), np.full(shape, -1)
    for cell, rows in lists.items():
        values = features[rows].numpy()
        pooled[cell] = values.max(0) if mode == 'max' else values.mean(0)
        argmax[cell] = np.array(rows)[values.argmax(0)]
    return pooled, argmax, lists


@pytest.mark.parametrize('mode', ['max', 'avg'])
@pytest.mark.parametrize('max_points', [3, 100])
@pytest.mark.parametrize('backend', ['auto', 'reference'])
def test_against_loops_with_equal_maxima(mode, max_points, backend):
    boxes, points, features = given()
    pooled, argmax, lists = by_loops(boxes, points, features, max_points, mode)
    cells = roi_aware_pool(boxes, points, features, GRID, max_points, mode, backend)
    assert np.allclose(cells.features.view(pooled.shape), pooled)
    if mode == 'max':
        assert np.array_equal(cells.argmax.view(argmax.shape), argmax)
    assert int(cells.points[..., 0].sum()) == sum(map(len, lists.values()))
    fullest = max(map(len, lists.values()))
    assert fullest == 3 if max_points == 3 else 3 < fullest < max_points


class Pool(Function):
    @staticmethod
    def forward(ctx, features, boxes, points, mode):
        cells = roi_aware_pool(boxes, points, features, GRID, 5, mode)
        ctx.saved = cells, len(points), mode
        return cells.features

    @staticmethod
    def backward(ctx, grad):
        return roi_aware_pool_backward(grad, *ctx.saved), None, None, None


@pytest.mark.parametrize('mode', ['max', 'avg'])
def test_gradient(mode):
    boxes, points, _ = given()
    features = torch.randn(len(points), 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(Pool.apply, (features, boxes, points, mode))


def test_of_equal_maxima_the_lowest_row_gets_the_gradient():
    boxes, points, features = given()
    features = torch.zeros_like(features)
    cells = roi_aware_pool(boxes, points, features, GRID, 100)
    there = cells.points[..., 0] > 0
    assert torch.equal(cells.argmax[there], cells.points[there][:, 1:2].expand(-1, 3))


def test_nothing_to_pool():
    boxes, points, features = given()
    for mode in ('max', 'avg'):
        cells = roi_aware_pool(boxes, points[:0], features[:0], GRID, 5, mode)
        assert not cells.features.any() and cells.features.shape == (4, 12, 3)
        assert not roi_aware_pool_backward(cells.features, cells, 0, mode).any()
        cells = roi_aware_pool(boxes[:0], points, features, GRID, 5, mode)
        assert not roi_aware_pool_backward(torch.zeros(0, 12, 3), cells, 200, mode).any()
    with pytest.raises(ValueError, match="not 'median'"):
        roi_aware_pool(boxes, points, features, GRID, 5, 'median')


def test_a_nan_is_no_maximum():
    boxes, points, features = given()
    features[:, 0] = torch.nan
    cells = roi_aware_pool(boxes, points, features, GRID, 5)
    assert not cells.features[..., 0].any() and (cells.argmax[..., 0] == -1).all()
