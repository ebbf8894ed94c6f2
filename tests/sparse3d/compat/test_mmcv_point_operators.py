"""mmcv's own functions on CPU tensors: values, gradients, empty input, and what upstream does."""
from __future__ import annotations

from importlib import import_module

import mmcv.ops as mmcv_ops
import pytest
import torch
from mmcv.ops.furthest_point_sample import FurthestPointSampling
from mmcv.ops.knn import KNN
from torch.autograd import gradcheck

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat import mmcv_point_operators as repaired

EXTENSION = import_module('mmcv._ext')


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def rows(high, *shape):
    return torch.randint(0, high, shape, dtype=torch.int32)


POINTS = torch.rand(2, 50, 3, generator=torch.Generator().manual_seed(0)) * 8
BOXES = torch.tensor([[4.0, 4, 0, 5, 3, 6, 0.3], [2, 2, 0, 3, 3, 3, 1]]).repeat(2, 1, 1)
ONE = torch.tensor([1], dtype=torch.int32)
# Each kernel by a public function of mmcv that ends in it.
CALLS = {
    'assign_score_withk_forward': lambda: mmcv_ops.assign_score_withk(
        torch.rand(1, 4, 3, 2), torch.rand(1, 5, 2, 6), torch.rand(1, 5, 2, 6),
        torch.randint(0, 5, (1, 4, 3))),
    'ball_query_forward': lambda: mmcv_ops.ball_query(0, 1.0, 4, POINTS, POINTS[:, :9].clone()),
    'diff_iou_rotated_sort_vertices_forward': lambda: mmcv_ops.diff_iou_rotated_3d(BOXES, BOXES),
    'dynamic_point_to_voxel_forward': lambda: mmcv_ops.dynamic_scatter(
        torch.rand(9, 2), rows(3, 9, 3), 'max'),
    'furthest_point_sampling_with_dist_forward': lambda: mmcv_ops.furthest_point_sample_with_dist(
        torch.cdist(POINTS, POINTS), 5),
    'gather_points_forward': lambda: mmcv_ops.gather_points(torch.rand(2, 3, 7), rows(7, 2, 4)),
    'group_points_forward': lambda: mmcv_ops.grouping_operation(
        torch.rand(2, 3, 7), rows(7, 2, 4, 5)),
    'iou3d_boxes_overlap_bev_forward': lambda: mmcv_ops.boxes_overlap_bev(BOXES[0], BOXES[0]),
    'iou3d_nms3d_forward': lambda: mmcv_ops.nms3d(BOXES[0], torch.rand(2), 0.5),
    'iou3d_nms3d_normal_forward': lambda: mmcv_ops.nms3d_normal(BOXES[0], torch.rand(2), 0.5),
    'roiaware_pool3d_forward': lambda: mmcv_ops.RoIAwarePool3d(4, 8)(
        BOXES[0], POINTS[0], torch.rand(50, 3)),
    'roipoint_pool3d_forward': lambda: mmcv_ops.RoIPointPool3d(8)(
        POINTS, torch.rand(2, 50, 3), BOXES),
    'sigmoid_focal_loss_forward': lambda: mmcv_ops.sigmoid_focal_loss(
        torch.rand(5, 3), torch.randint(0, 4, (5,))),
    'stack_ball_query_forward': lambda: mmcv_ops.ball_query(
        0, 1.0, 4, POINTS[0], POINTS[0, :9].clone(), ONE * 50, ONE * 9),
    'stack_group_points_forward': lambda: mmcv_ops.grouping_operation(
        torch.rand(7, 3), rows(7, 4, 5), ONE * 7, ONE * 4),
    'three_interpolate_forward': lambda: mmcv_ops.three_interpolate(
        torch.rand(2, 3, 7), rows(7, 2, 4, 3), torch.rand(2, 4, 3)),
    'three_nn_forward': lambda: mmcv_ops.three_nn(POINTS, POINTS[:, :9].contiguous()),
}


def test_the_table_names_every_forward_kernel():
    assert set(CALLS) == {name for name in repaired.KERNELS if not name.endswith('backward')}


@pytest.mark.parametrize('name', CALLS)
def test_runs_on_a_cpu_and_upstream_does_not(name, monkeypatch):
    CALLS[name]()
    monkeypatch.setattr(EXTENSION, name, getattr(EXTENSION, name).upstream)
    with pytest.raises((RuntimeError, AssertionError, TypeError)):
        CALLS[name]()


@pytest.mark.parametrize('name', repaired.KERNELS)
def test_other_devices_go_to_mmcvs_kernel(name):
    calls = []
    routed = repaired._on_cpu(lambda *tensors: calls.append(tensors), pytest.fail)
    tensor = torch.empty(3, device='meta')
    routed(tensor, 1)
    assert calls == [(tensor, 1)]
    assert hasattr(getattr(EXTENSION, name), 'upstream')


def test_operators_with_a_cpu_form_are_left_alone():
    for name in ('points_in_boxes_cpu_forward', 'nms_rotated', 'box_iou_rotated',
                 'dynamic_voxelize_forward'):
        assert not hasattr(getattr(EXTENSION, name), 'upstream')


def test_repairing_twice_is_repairing_once():
    kernels = {name: getattr(EXTENSION, name) for name in repaired.KERNELS}
    functions = (FurthestPointSampling.forward, KNN.forward, mmcv_ops.points_in_boxes_all)
    repaired.apply_patch()
    assert kernels == {name: getattr(EXTENSION, name) for name in repaired.KERNELS}
    assert functions == (
        FurthestPointSampling.forward, KNN.forward, mmcv_ops.points_in_boxes_all)


GRADIENTS = {
    'focal loss': (mmcv_ops.sigmoid_focal_loss, double(5, 3), torch.tensor([0, 1, 2, 3, 0])),
    'gather': (mmcv_ops.gather_points, double(2, 3, 6), rows(6, 2, 4)),
    'group': (mmcv_ops.grouping_operation, double(2, 3, 6), rows(6, 2, 4, 3)),
    'stacked': (mmcv_ops.grouping_operation, double(6, 3), rows(3, 4, 2), ONE.repeat(2) * 3,
                ONE.repeat(2) * 2),
    'interpolate': (mmcv_ops.three_interpolate, double(2, 3, 6), rows(6, 2, 4, 3),
                    torch.rand(2, 4, 3, dtype=torch.float64)),
    'scatter max': (mmcv_ops.dynamic_scatter, double(12, 2), rows(2, 12, 3), 'max'),
    'scatter mean': (mmcv_ops.dynamic_scatter, double(12, 2), rows(2, 12, 3), 'mean'),
    'scatter sum': (mmcv_ops.dynamic_scatter, double(12, 2), rows(2, 12, 3), 'sum'),
    'assign': (mmcv_ops.assign_score_withk, double(1, 3, 2, 2), double(1, 4, 2, 3),
               double(1, 4, 2, 3), torch.randint(0, 4, (1, 3, 2))),
    'roi max': (mmcv_ops.RoIAwarePool3d(3, 8), BOXES[0].double(), POINTS[0].double(),
                double(50, 2)),
    'roi mean': (mmcv_ops.RoIAwarePool3d(3, 8, 'avg'), BOXES[0].double(), POINTS[0].double(),
                 double(50, 2)),
}


@pytest.mark.parametrize('name', GRADIENTS)
def test_gradients_through_mmcvs_functions(name):
    function, *inputs = GRADIENTS[name]
    assert gradcheck(function, inputs)


def test_furthest_points_neighbors_and_boxes():
    chosen = mmcv_ops.furthest_point_sample(POINTS, 6)
    assert chosen.dtype == torch.int32 and (chosen[:, 0] == 0).all()
    assert torch.equal(chosen, mmcv_ops.furthest_point_sample_with_dist(
        torch.cdist(POINTS, POINTS), 6))
    table = torch.cdist(POINTS.double(), POINTS.double())
    nearest = mmcv_ops.knn(4, POINTS, POINTS, False)
    assert torch.equal(nearest.long(), table.topk(4, largest=False).indices.transpose(1, 2))
    columns = POINTS.transpose(1, 2).contiguous()
    assert torch.equal(mmcv_ops.knn(4, columns, columns, True), nearest)
    assert torch.equal(mmcv_ops.knn(4, POINTS), nearest)
    inside = mmcv_ops.points_in_boxes_all(POINTS, BOXES)
    assert torch.equal(inside, mmcv_ops.points_in_boxes_cpu(POINTS, BOXES)) and inside.any()
    first = torch.where(inside.any(2), inside.argmax(2), -1)
    assert torch.equal(mmcv_ops.points_in_boxes_part(POINTS, BOXES), first.int())


def test_neighbors_beyond_the_kernels_horizon_and_too_many():
    points = torch.tensor([[[0.0, 0, 0], [2e5, 0, 0]]])
    nearest = mmcv_ops.knn(3, points, points[:, :1].contiguous(), False)
    assert nearest.flatten().tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match='1 to 99 nearest neighbors, not 100'):
        mmcv_ops.knn(100, points)


def test_boxes_of_mmdet3d_ask_the_repaired_functions():
    from mmdet3d.structures import LiDARInstance3DBoxes
    boxes = LiDARInstance3DBoxes(BOXES[0])
    assert torch.equal(boxes.points_in_boxes_all(POINTS[0]),
                       mmcv_ops.points_in_boxes_cpu(POINTS[:1], BOXES[:1])[0])
    assert boxes.points_in_boxes_part(POINTS[0]).max() >= 0


def test_a_stacked_query_without_points_says_minus_one():
    counts = ONE.repeat(2)
    listed = mmcv_ops.ball_query(0, 1.0, 3, torch.zeros(2, 3), torch.tensor(
        [[9.0, 9, 9], [0, 0, 0]]), counts, counts)
    assert listed.tolist() == [[-1, 0, 0], [0, 0, 0]]


def test_the_three_nearest_of_one_are_infinitely_far():
    distances, nearest = mmcv_ops.three_nn(torch.tensor([[[3.0, 4, 0]]]), torch.zeros(1, 1, 3))
    assert distances.tolist() == [[[5.0, torch.inf, torch.inf]]] and not nearest.any()


def test_pooled_points_of_mmcv():
    features = torch.rand(2, 50, 4)
    boxes = BOXES.clone()
    boxes[1, 1, 0] = 100
    pooled, empty = mmcv_ops.RoIPointPool3d(60)(POINTS, features, boxes)
    assert empty.tolist() == [[0, 0], [0, 1]] and not pooled[1, 1].any()
    inside = mmcv_ops.points_in_boxes_cpu(POINTS, boxes)[0, :, 0].nonzero().squeeze(1)
    expected = torch.cat([POINTS[0], features[0]], 1)[inside]
    assert torch.equal(pooled[0, 0, :len(inside)], expected)
    assert torch.equal(pooled[0, 0, len(inside):2 * len(inside)], expected[:60 - len(inside)])


def test_suppression_by_hand():
    boxes = torch.tensor([[0.0, 0, 0, 4, 2, 1, 0], [0, 0, 5, 4, 2, 1, 3.1415927],
                          [0, 0, 0, 4, 2, 1, 1.5707964], [9, 9, 0, 1, 1, 1, 0]])
    scores = torch.tensor([0.5, 0.9, 0.8, 0.1])
    assert mmcv_ops.nms3d(boxes, scores, 0.5).tolist() == [1, 2, 3]       # crossed: 4 of 12
    assert mmcv_ops.nms3d_normal(boxes, scores, 0.5).tolist() == [1, 3]   # the yaw is ignored
    assert mmcv_ops.boxes_overlap_bev(boxes, boxes)[0].tolist() == pytest.approx([8, 8, 4, 0])
    assert mmcv_ops.nms3d(boxes[:0], scores[:0], 0.5).tolist() == []


@pytest.mark.parametrize('columns', [3, 4])
def test_voxels_of_no_points(columns):
    layer = mmcv_ops.DynamicScatter([1, 1, 1], [0, 0, 0, 4, 4, 4], average_points=True)
    features, voxels = layer(torch.zeros(0, 5), torch.zeros(0, columns, dtype=torch.int32))
    assert features.shape == (0, 5) and voxels.shape == (0, columns)
    one = torch.ones(2, columns, dtype=torch.int32)
    one[:, 0] = 0
    assert layer(torch.ones(2, 5), one)[0].shape == (1, 5)


def test_samples_of_a_ball_query_are_kept_apart():
    points = torch.rand(2, 40, 3)
    points[1] += 0.3
    listed = mmcv_ops.ball_query(0.1, 0.6, 5, points, points[:, :9].contiguous())
    for sample in range(2):
        alone = mmcv_ops.ball_query(0.1, 0.6, 5, points[sample:sample + 1],
                                    points[sample:sample + 1, :9].contiguous())
        assert torch.equal(listed[sample], alone[0])
    counts = torch.tensor([40, 40], dtype=torch.int32)
    of_queries = torch.tensor([9, 4], dtype=torch.int32)
    queries = torch.cat([points[0, :9], points[1, :4]])
    stacked = mmcv_ops.ball_query(0, 0.6, 5, points.flatten(0, 1), queries, counts, of_queries)
    batch = mmcv_ops.ball_query(0, 0.6, 5, points, points[:, :9].contiguous())
    assert torch.equal(stacked, torch.cat([batch[0], batch[1, :4]]))
