"""mmcv's kernels of points and boxes on the GPU beside their CPU forms of :mod:`sparse3d.compat`.

Importing this adds them to the cases of :mod:`sparse3d.apis.gpu_check_cases`. mmcv's suppression
in 3D is left out: it widens boxes by a centimeter, the CPU form does not.
"""
from __future__ import annotations

from typing import Any

import mmcv.ops as mmcv_ops
import torch
from torch import Tensor

from sparse3d.apis.gpu_check_cases import case, drawn, drawn_boxes, drawn_points

SAMPLES = 2


def _clouds(device: str, count: int = 600) -> Tensor:  # [B, N, 3]
    return torch.stack([drawn_points(count, seed)[:, :3] for seed in range(SAMPLES)]).to(device)


def _tables(device: str) -> Tensor:  # [B, M, 7]
    return drawn_boxes(20).reshape(SAMPLES, 10, 7).to(device)


def _features(device: str, *shape: int, seed: int = 11) -> Tensor:
    return torch.randn(*shape, generator=drawn(seed)).to(device).requires_grad_()


def _rows(device: str, high: int, *shape: int) -> Tensor:
    return torch.randint(0, high, shape, generator=drawn(12), dtype=torch.int32).to(device)


def _with_gradients(result: Any, *inputs: Tensor) -> Any:
    first = result[0] if isinstance(result, tuple) else result
    first.square().sum().backward()
    return result, [tensor.grad for tensor in inputs]


@case('mmcv: furthest point sampling')
def _(device: str) -> Any:
    clouds = _clouds(device)
    return (mmcv_ops.furthest_point_sample(clouds, 32),
            mmcv_ops.furthest_point_sample_with_dist(
                (clouds[:, :, None] - clouds[:, None]).square().sum(-1), 32))


@case('mmcv: ball query and nearest neighbors')
def _(device: str) -> Any:
    clouds = _clouds(device)
    queries = clouds[:, :50].contiguous()
    return (mmcv_ops.ball_query(0, 3.0, 8, clouds, queries), mmcv_ops.knn(5, clouds, queries),
            mmcv_ops.three_nn(queries, clouds))


@case('mmcv: grouping and gathering, with gradients')
def _(device: str) -> Any:
    features = _features(device, SAMPLES, 4, 60)
    return (_with_gradients(mmcv_ops.grouping_operation(
                features, _rows(device, 60, SAMPLES, 9, 5)), features),
            _with_gradients(mmcv_ops.gather_points(
                features, _rows(device, 60, SAMPLES, 9)), features))


@case('mmcv: interpolation of three, with gradients')
def _(device: str) -> Any:
    features = _features(device, SAMPLES, 4, 60)
    weights = torch.rand(SAMPLES, 30, 3, generator=drawn(13)).to(device)
    return _with_gradients(mmcv_ops.three_interpolate(
        features, _rows(device, 60, SAMPLES, 30, 3), weights), features)


@case('mmcv: points in boxes')
def _(device: str) -> Any:
    given = _clouds(device), _tables(device)
    return mmcv_ops.points_in_boxes_part(*given), mmcv_ops.points_in_boxes_all(*given)


@case('mmcv: RoI-aware pooling, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    found = []
    for mode in ('max', 'avg'):
        features = _features(device, 600, 4)
        found.append(_with_gradients(mmcv_ops.RoIAwarePool3d(4, 16, mode)(
            _tables(device)[0], _clouds(device)[0], features), features))
    return found


@case('mmcv: RoI point pooling')
def _(device: str) -> Any:
    return mmcv_ops.RoIPointPool3d(8)(
        _clouds(device), _features(device, SAMPLES, 600, 4).detach(), _tables(device))


@case('mmcv: dynamic scatter, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    found = []
    for mode in ('max', 'mean'):
        features = _features(device, 300, 4)
        found.append(_with_gradients(mmcv_ops.dynamic_scatter(
            features, _rows(device, 4, 300, 3), mode), features))
    return found


@case('mmcv: focal loss, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    logits = _features(device, 50, 3)
    return _with_gradients(mmcv_ops.sigmoid_focal_loss(
        logits, _rows(device, 4, 50).long(), 2.0, 0.25, None, 'none'), logits)


@case('mmcv: differentiable overlap, overlap in BEV', tolerance=1e-3)
def _(device: str) -> Any:
    table = _tables(device)
    return (mmcv_ops.diff_iou_rotated_3d(table, table.roll(1, 1)),
            mmcv_ops.boxes_overlap_bev(table[0], table[1]))


@case('mmcv: assigned scores of PAConv, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    scores = _features(device, 1, 4, 3, 2)
    features = [_features(device, 1, 5, 2, 6, seed=seed) for seed in (14, 15)]
    return _with_gradients(mmcv_ops.assign_score_withk(
        scores, *features, _rows(device, 5, 1, 4, 3).long()), scores, *features)
